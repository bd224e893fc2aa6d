"""The broker's address: checked before anything parses it, and shown without its password, whatever it looks like."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["check_address", "safe_url"]

_SCHEMES = ("redis", "rediss", "redis+socket")

_ADDRESS = re.compile(
    r"(?P<scheme>redis|rediss|redis\+socket)://"
    r"(?P<login>[^/?#\s]*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]*)"
    r"(?P<port>:[0-9]{1,5})?"
    r"(?P<path>/[^?#@\s]*)?"
    r"(?P<query>\?[^#@\s]*)?",
)
"""An address that everybody parses alike: there is one place in it where a password can end."""

_FORBIDDEN = {"#": "%23", "/": "%2F", "?": "%3F", "@": "%40", ":": "%3A", "%": "%25", "a space": "%20"}
_HOW = "write " + ", ".join(f"{letter} as {code}" for letter, code in _FORBIDDEN.items())


def check_address(url: str) -> str:
    """The address itself, if Celery and redis-py can both use it.

    Raises:
        ValueError: They cannot. The message shows no part of what may be a password.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError("the broker's address must begin with redis://, rediss:// or redis+socket://")
    match = _ADDRESS.fullmatch(url)
    if match is not None and _well_formed(match):
        return url
    if "@" in url or "password=" in url:
        raise ValueError(f"the password holds characters that a broker address cannot hold: {_HOW}")
    form = "redis+socket:///path?virtual_host=0" if scheme == "redis+socket" else f"{scheme}://:password@host:6379/0"
    raise ValueError(f"the broker's address has no form such as {form}")


def safe_url(url: str) -> str:
    """The address without login and query; of a malformed one the scheme alone, for nobody knows what is what."""
    match = _ADDRESS.fullmatch(url)
    if match is None or not _well_formed(match):
        scheme = url.partition("://")[0]
        return f"{scheme}://***" if scheme in _SCHEMES else "***"
    login = "***@" if match["login"] else ""
    return f"{match['scheme']}://{login}{match['host']}{match['port'] or ''}{match['path'] or ''}"


def _well_formed(match: re.Match[str]) -> bool:
    """Whether the parts go together: a socket has a path and no host, a server a port and the number of a database."""
    try:
        _ = urlsplit(match[0]).port  # it refuses brackets, ports beyond 65535, and letters that hide a slash
    except ValueError:
        return False
    path = (match["path"] or "").strip("/")
    if match["scheme"] == "redis+socket":
        return bool(path) and not (match["host"] or match["port"])
    return not path or (path.isascii() and path.isdigit())
