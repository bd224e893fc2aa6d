"""The login of the dashboard: a generated password in a file, never an empty one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from store.files import new_file
from tasks.errors import BadSettings

__all__ = ["dashboard_login"]

_USER = "oshiwake"

_KEPT = re.compile(r"(?P<user>[!-+\--9;-~]{1,64}):(?P<password>[!-+\--~]{8,256})\n?")
"""A user and a password of printable letters, without the comma that divides one login from the next for Flower."""

_MOST_BYTES = 1024


def dashboard_login(folder: Path) -> tuple[dict[str, str], str]:
    """The variable that says who may enter, and a line for a person.

    The file is written whole or not at all; what stands there and is no login is replaced, never used.

    Raises:
        BadSettings: The environment names a login without a password, or the file cannot be read or written.
    """
    if given := os.environ.get("FLOWER_BASIC_AUTH"):
        if any(not login.partition(":")[2].strip() for login in given.split(",")):
            raise BadSettings("FLOWER_BASIC_AUTH: a login needs a password, as in user:password")
        return {}, "login: as FLOWER_BASIC_AUTH says"
    if os.environ.get("FLOWER_AUTH"):
        return {}, f"login: {os.environ['FLOWER_AUTH']}, as FLOWER_AUTH says"
    path = folder / "login"
    try:
        with _locked(folder):
            if (kept := _read(path)) is not None:
                line = f"login: user {kept.partition(':')[0]}, password in {path}"
                return {"FLOWER_BASIC_AUTH": kept}, line
            damaged = os.path.lexists(path)
            password = secrets.token_urlsafe(12)
            with new_file(path) as temporary:
                temporary.chmod(0o600)
                temporary.write_text(f"{_USER}:{password}\n")
    except OSError as error:
        raise BadSettings(f"the dashboard's login {path}: {error.strerror or error}") from error
    line = f"login: user {_USER}, password {password}  (shown this once; kept in {path})"
    if damaged:
        line += "\nwhat stood there was no login, and is replaced"
    return {"FLOWER_BASIC_AUTH": f"{_USER}:{password}"}, line


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two dashboards that start at once agree on one password."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> str | None:
    """The login that is kept, or None where there is none that could be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("something else than a file stands there; remove it")
        text = file.read(_MOST_BYTES).decode("ascii", "replace")
    match = _KEPT.fullmatch(text)
    return None if match is None else text.strip()
