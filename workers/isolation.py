"""Decode a picture in its own process, which may crash, hang or run out of memory.

This is slow, so it is only for chunks that have killed workers.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

from model.errors import PictureError, UnreadablePicture
from model.images.decoding import Limits
from model.images.preprocessing import Preprocessing
from workers.parent_death import end_with_parent

__all__ = ["decode_isolated"]

_MEMORY_BYTES = 4 << 30
"""Address space of the process. A picture at the default pixel limit needs about a third of it."""

_NO_MEMORY = 3
_THUMBNAIL = "thumbnail"


def decode_isolated(
    data: bytes, preprocessing: Preprocessing, *, thumbnail: bool, limits: Limits, limit_s: float
) -> None:
    """Read a picture elsewhere, by the same way; return when that process ends well, readable or not.

    Args:
        data: The whole content of the file.
        preprocessing: How it is read.
        thumbnail: Read it by `read_thumbnail`, else by `read`.
        limits: Refuse what is larger than this.
        limit_s: Time limit in seconds.

    Raises:
        UnreadablePicture: The process died, took longer than `limit_s` seconds, or ran out of memory.
    """
    limit = str(limits.max_pixels)
    way = _THUMBNAIL if thumbnail else "square"
    command = [sys.executable, "-m", "workers.isolation", str(os.getpid()), preprocessing.version, limit, way]
    try:
        result = subprocess.run(command, input=data, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnreadablePicture(f"decoding it takes longer than {limit_s:.0f} s") from error
    if result.returncode == _NO_MEMORY or result.returncode == -signal.SIGKILL:
        raise UnreadablePicture(f"decoding it needs more than {_MEMORY_BYTES >> 30} GiB of memory")
    if result.returncode != 0:
        raise UnreadablePicture(f"decoding it ends the process ({_name(result.returncode)})")


def _name(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"


def _main(version: str, max_pixels: int, way: str) -> int:
    """Read what comes in; a picture that is merely damaged ends well, for the pipeline finds that out itself."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    try:
        preprocessing = Preprocessing.from_version(version)
        read = preprocessing.read_thumbnail if way == _THUMBNAIL else preprocessing.read
        read(sys.stdin.buffer.read(), limits=Limits(max_pixels=max_pixels))
    except PictureError:
        pass
    except MemoryError:
        return _NO_MEMORY
    return 0


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))  # nobody else would end a picture that hangs
    sys.exit(_main(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
