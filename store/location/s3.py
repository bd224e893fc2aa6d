"""Requests to object storage through fsspec's s3fs; nothing else knows it.

Any server that speaks S3. Credentials and endpoint come from the usual environment (`AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`, …) and are in no path, message or log of ours.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from store.errors import MissingExtra

__all__ = ["files", "plain_errors", "request"]

_CONFIG = {"connect_timeout": 10, "read_timeout": 30, "max_pool_connections": 32}


def files() -> Any:
    """The file system of this process; fsspec keeps one, and makes another after a fork.

    Raises:
        MissingExtra: s3fs is not installed.
    """
    try:
        from s3fs import S3FileSystem
    except ImportError as error:
        raise MissingExtra("s3:// needs the extra: pip install 'oshiwake[s3]'") from error
    return S3FileSystem(use_listings_cache=False, config_kwargs=_CONFIG)


def request(address: str, name: str, **arguments: Any) -> dict[str, Any]:
    """The server's answer to a request about an address, by boto's names; all but `Bucket` is in the arguments.

    Raises:
        FileNotFoundError: There is no such object or bucket.
        FileExistsError: A condition is not met.
        OSError: The server does not answer, or refuses us.
    """
    with plain_errors(address):
        bucket = address.removeprefix("s3://").partition("/")[0]
        answer: dict[str, Any] = files().call_s3(name, Bucket=bucket, **arguments)
        return answer


@contextlib.contextmanager
def plain_errors(address: str) -> Iterator[None]:
    """What the libraries raise, as the OSError that a file system would raise."""
    try:
        yield
    except MissingExtra:
        raise
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, "an object is there already", address) from error
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such object or bucket", address) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, f"the storage refuses it: {error}", address) from error
    except Exception as error:
        if _refused_condition(error):
            raise FileExistsError(errno.EEXIST, "an object is there already, or another one", address) from error
        # botocore, aiohttp and fsspec have a tree of errors each: no answer, no credentials, a broken answer.
        code = getattr(error, "errno", None) or errno.EIO
        raise OSError(code, f"the storage does not answer as it should: {error}", address) from error


def _refused_condition(error: Exception) -> bool:
    """Whether the server said 412; s3fs knows it only in the words of AWS."""
    answer = getattr(error.__cause__, "response", None) or getattr(error, "response", None) or {}
    return bool(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 412)
