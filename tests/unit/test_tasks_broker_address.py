"""The broker's address: what is refused, and that no part of a password is ever shown."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.broker_address import check_address, safe_url
from tasks.errors import BadSettings, QueueError
from tasks.redis_client import check_broker, connect
from tasks.settings import Settings, read_settings

FORMS: list[Callable[[str], str]] = [
    lambda secret: f"redis://:{secret}@127.0.0.1:6379/0",
    lambda secret: f"rediss://me:{secret}@[::1]:6379/0?ssl_cert_reqs=none",
    lambda secret: f"redis+socket:///run/b.sock?virtual_host=1&password={secret}",
    lambda secret: f"redis+socket://:{secret}@/run/b.sock",
    lambda secret: f"redis://127.0.0.1/0?password={secret}",
    lambda secret: f"amqp://me:{secret}@127.0.0.1//",
    lambda secret: f"REDIS://:{secret}@127.0.0.1",
    lambda secret: f"redis:/:{secret}@127.0.0.1",
    lambda secret: f":{secret}@127.0.0.1:6379/0",
    lambda secret: f"redis://me:{secret}",
    lambda secret: f" redis://me:{secret}@127.0.0.1 ",
]

_FREE = st.characters(exclude_characters="0123456789")
SECRETS = st.one_of(
    st.text(_FREE, min_size=3, max_size=12),
    st.lists(st.sampled_from([*"#/?@%:[] \n\\'\"&=;", "QQQ", "7777"]), min_size=1, max_size=6).map("".join),
).map(lambda text: f"ZZ{text}YY")


def shown_parts(secret: str, text: str) -> list[str]:
    """The parts of a password, three letters long, that stand in a text."""
    return [secret[n : n + 3] for n in range(len(secret) - 2) if secret[n : n + 3] in text]


def _always_said() -> str:
    """What errors say of any address, and so of none."""
    found = ["127.0.0.1:6379/0 redis://***@ /run/b.sock"]
    for url in ("redis://:#@h", "redis://:h", "redis+socket://", "x"):
        for use in (check_address, connect, lambda url: Settings(broker_url=url)):
            try:
                use(url)
            except (ValueError, QueueError) as error:
                found.append(str(error))
    return "\n".join(found)


ALWAYS_SAID = _always_said()


@given(SECRETS, st.sampled_from(FORMS))
@example("p#w/d%1", FORMS[0])
@example("123/QQQ?x", FORMS[0])
@example("12/3#QQQ", FORMS[1])
@example("QQ℀QQ", FORMS[0])
@example("6379/0", FORMS[9])
def test_no_part_of_a_password_is_shown(secret: str, form: Callable[[str], str]) -> None:
    """By the address as shown, by an error, or by its traceback; whether the address is sound or not."""
    url, said = form(secret), [safe_url(form(secret))]
    for use in (connect, lambda url: Settings(broker_url=url)):
        try:
            use(url)
        except (ValueError, BadSettings) as error:
            said += [str(link) for link in (error, error.__cause__, error.__context__) if link]
    innocent = form("") + ALWAYS_SAID
    for text in said:
        assert [part for part in shown_parts(secret, text) if part not in innocent] == [], text


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_password_that_is_encoded_is_taken(secret: str) -> None:
    """Whatever it holds; and the password that Redis is given is the one meant."""
    url = f"redis://:{quote(secret, safe='')}@127.0.0.1:6379/3"
    assert check_address(url) == url
    options = connect(url).connection_pool.connection_kwargs
    assert (options["password"], options["host"], options["port"], options["db"]) == (secret, "127.0.0.1", 6379, 3)
    assert safe_url(url) == "redis://***@127.0.0.1:6379/3"


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://redis",
        "redis://theirs/0",
        "rediss://user:p%40ss@h-1.example:6380/15?ssl_cert_reqs=required&ssl_ca_certs=/etc/ssl/ca.pem",
        "redis://:pa@ss@host:6379/0",
        "redis://[fe80::1%25eth0]:6379/0/",
        "redis+socket:///run/user/0/broker.sock?virtual_host=2&password=a%2Fb",
    ],
)
def test_sound_addresses(url: str) -> None:
    """What works with Celery and redis-py is taken as it is."""
    assert check_address(url) == url
    connect(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:p#w/d%1@127.0.0.1:6379/0", "# as %23, / as %2F"),
        ("redis://:a/b@host/0", "/ as %2F"),
        ("redis://:a?b@host/0", "? as %3F"),
        ("redis+socket:///run/b?password=a#b", "# as %23"),
        ("redis://:a[b@host/0", "password"),
        ("redis://host:none/0", "redis://:password@host:6379/0"),
        ("redis://host:70000/0", "redis://:password@host:6379/0"),
        ("redis://host/words", "redis://:password@host:6379/0"),
        ("redis+socket://host/x", "redis+socket:///path"),
        ("amqp://host", "must begin with redis://"),
    ],
)
@pytest.mark.parametrize("variable", ["OSHIWAKE_BROKER_URL", "CELERY_BROKER_URL"])
def test_what_is_refused_says_what_to_write(
    url: str, said: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that names the variable, before anything parses the address."""
    for name in ("OSHIWAKE_BROKER_URL", "CELERY_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, url)
    with pytest.raises(BadSettings) as caught:
        read_settings()
    message = str(caught.value)
    assert said in message and "BROKER_URL" in message and "\n" not in message
    assert url not in "".join(traceback.format_exception(caught.value))


def test_a_broker_that_does_not_answer_is_named_without_its_password() -> None:
    """The host and the port are what a person needs."""
    url = "redis://:hush-hush@127.0.0.1:1/0"
    with pytest.raises(QueueError, match=r"redis://\*\*\*@127\.0\.0\.1:1/0") as caught:
        check_broker(connect(url, timeout_s=0.1), url)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("query", ["hush=1", "ssl_cert_reqs=hush", "socket_timeout=hush", "db=hush"])
def test_an_option_that_does_not_exist_is_refused(query: str) -> None:
    """When the address is read, and not by a traceback when the broker is first asked."""
    with pytest.raises(BadSettings, match=r"broker rediss://\*\*\*@127\.0\.0\.1:1/0: "):
        connect(f"rediss://:secret@127.0.0.1:1/0?{query}")
