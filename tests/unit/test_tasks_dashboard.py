"""The dashboard's places and words, without Flower."""

from __future__ import annotations

import os
import re
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.dashboard import Address, default_state, readable_task
from tasks.dashboard_login import dashboard_login
from tasks.errors import BadSettings


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (Address("127.0.0.1", 5555), "http://127.0.0.1:5555/"),
        (Address("0.0.0.0", 80, "flower"), "http://127.0.0.1:80/flower/"),
        (Address("::1", 5555), "http://[::1]:5555/"),
        (Address("::", 5555), "http://[::1]:5555/"),
    ],
)
def test_where_a_browser_finds_it(place: Address, url: str) -> None:
    """An address that means all of them is asked for on this machine."""
    assert place.url == url


def test_a_taken_port_is_said_before_anything_starts() -> None:
    """With what to do about it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BadSettings, match=r"cannot listen on 127\.0\.0\.1:\d+ .*--port"):
            Address("127.0.0.1", other.getsockname()[1]).check()


def test_its_state_is_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_STATE_HOME is followed when it is absolute, as the specification says."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "oshiwake" / "dashboard"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state() == tmp_path / ".local" / "state" / "oshiwake" / "dashboard"


@pytest.mark.parametrize(
    ("result", "exception", "shown"),
    [
        ("'run 20261123-0412 chunk 1: 16 images, 16 embedded'", None, "16 images, 16 embedded"),
        ("'run 20261123-0412: 55 files, 2 assigned'", None, "55 files, 2 assigned"),
        (None, "RootNotVisible('no mount: /a')", "RootNotVisible: no mount: /a"),
        (None, "OSError(28, 'No space left on device')", "OSError: 28, 'No space left on device'"),
        (None, 'WorkerLostError("it\'s gone")', "WorkerLostError: it's gone"),
        (None, "odd", "odd"),
        (None, None, None),
    ],
)
def test_a_row_says_what_came_of_a_task(result: str | None, exception: str | None, shown: str | None) -> None:
    """In numbers, or why it failed."""
    assert readable_task(SimpleNamespace(result=result, exception=exception)).result == shown


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_nothing_is_remarked_of_this_machine_alone(address: str) -> None:
    """What nobody else reaches is safe as it is."""
    assert Address(address, 5555).remarks == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("0.0.0.0", "0.0.0.0:5555, all addresses"),
        ("", "0.0.0.0:5555, all addresses"),
        ("::", "[::]:5555, all addresses"),
        ("192.0.2.7", "192.0.2.7:5555, an address"),
        ("2001:db8::7", "[2001:db8::7]:5555, an address"),
        ("box.example", "box.example:5555, an address"),
    ],
)
def test_an_address_beyond_this_machine_is_remarked(address: str, shown: str) -> None:
    """Where it listens, and that the password travels in the clear."""
    said = " ".join(Address(address, 5555).remarks)
    assert shown in said and "in the clear" in said


@pytest.fixture
def no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set in the environment."""
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    monkeypatch.delenv("FLOWER_AUTH", raising=False)


@pytest.mark.usefixtures("no_login")
def test_the_password_is_made_once_and_kept(tmp_path: Path) -> None:
    """Shown the first time; only we may read the file, and nothing else is left in the folder."""
    first, said = dashboard_login(tmp_path)
    again, later = dashboard_login(tmp_path)
    password = first["FLOWER_BASIC_AUTH"].partition(":")[2]
    assert again == first and len(password) >= 16
    assert password in said and password not in later
    assert [path.name for path in tmp_path.iterdir()] == ["login"]
    assert stat.S_IMODE((tmp_path / "login").stat().st_mode) == 0o600


@pytest.mark.usefixtures("no_login")
@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "oshiwake",
        "oshiwake:",
        "oshiwake:\n",
        ":",
        ":longenough",
        "oshiwake:short",
        "a:longenough,b:",
        "\0" * 99,
        "oshiwake:longenough\nmore",
        "oshiwake:long\tenough",
        "ö:longenough",
        "oshiwake:" + "x" * 2000,
    ],
)
def test_a_file_that_holds_no_login_is_never_used(content: str, tmp_path: Path) -> None:
    """A kill between making and writing it left it empty, and an empty password open to everybody."""
    (tmp_path / "login").write_text(content)
    login, said = dashboard_login(tmp_path)
    user, _, password = login["FLOWER_BASIC_AUTH"].partition(":")
    assert (user, len(password)) == ("oshiwake", 16) and password in said
    assert (tmp_path / "login").read_text() == f"oshiwake:{password}\n"


@pytest.mark.usefixtures("no_login")
def test_a_login_of_ones_own_is_used(tmp_path: Path) -> None:
    """Who writes a user and a password into the file has them."""
    (tmp_path / "login").write_text("anna:correct-horse\n")
    assert dashboard_login(tmp_path) == (
        {"FLOWER_BASIC_AUTH": "anna:correct-horse"},
        f"login: user anna, password in {tmp_path / 'login'}",
    )


@pytest.mark.usefixtures("no_login")
def test_something_else_than_a_file_is_refused(tmp_path: Path) -> None:
    """With its name; nobody waits for a pipe to speak."""
    for make in (os.mkfifo, os.mkdir):
        make(tmp_path / "login")
        with pytest.raises(BadSettings, match=re.escape(str(tmp_path / "login"))):
            dashboard_login(tmp_path)
        (tmp_path / "login").unlink() if make is os.mkfifo else (tmp_path / "login").rmdir()


@pytest.mark.parametrize("given", ["anna", "anna:", "anna:secret,ben:", "anna: "])
def test_an_empty_password_in_the_environment_is_refused(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Flower would let everybody in who knows the user."""
    monkeypatch.setenv("FLOWER_BASIC_AUTH", given)
    with pytest.raises(BadSettings, match="needs a password"):
        dashboard_login(tmp_path)
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "anna:secret,ben:x")
    assert dashboard_login(tmp_path)[0] == {}


@pytest.mark.usefixtures("no_login")
def test_dashboards_that_start_at_once_share_a_login(tmp_path: Path) -> None:
    """Each tells Flower the password that stands in the file in the end."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: dashboard_login(tmp_path)[0]["FLOWER_BASIC_AUTH"], range(16)))
    assert set(found) == {(tmp_path / "login").read_text().strip()}
