"""Memory: a small file takes little, whatever it claims; a process of its own is measured."""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from model.errors import UnreadablePicture, UnsupportedPicture
from model.images.decoding import Limits, decode
from tests.unit.hostile_pictures import bombs, gif, mutations
from tests.unit.picture_files import (
    FORMATS,
    PLUGINS,
    encode,
    need,
)

LIMIT = 1_000_000
ROOT = Path(__file__).parents[2]

_ADDRESSES = 3 << 30
"""Bytes of addresses that the process may have: libraries and threads take 1 to 2 GiB of them."""


def grown(folder: Path, files: Iterator[tuple[str, bytes]]) -> dict[str, tuple[int, str]]:
    """By how many MiB a process grows for each file, and how the file ends."""
    folder.mkdir()
    names = {}
    for number, (name, data) in enumerate(files):
        assert len(data) < 2 << 20, name
        names[f"{number:05}"] = name
        (folder / f"{number:05}").write_bytes(data)
    command = [sys.executable, "-W", "ignore", "-m", "tests.unit.hostile_pictures", str(folder), str(LIMIT)]
    limits = (resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(*limits), check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {names[path]: (size, ended) for path, (size, ended) in json.loads(done.stdout).items()}


def test_hostile_files_take_little(tmp_path: Path) -> None:
    """Not one of them takes 100 MiB; the texts of a PNG may take 64."""
    found = grown(tmp_path / "bombs", bombs())
    assert len(found) > 25
    assert {name: one for name, one in found.items() if one[0] > 100} == {}


def test_large_numbers_anywhere_take_little(tmp_path: Path) -> None:
    """Thousands of files, each with one number wrong, in the same process: together they take 60 MiB."""
    found = grown(tmp_path / "mutations", mutations())
    assert len(found) > 9000
    assert sum(size for size, _ in found.values()) < 60


@pytest.mark.parametrize("name", ["gif: screen", "gif: first frame", "webp: canvas"])
def test_the_size_is_in_the_reason(name: str) -> None:
    """Refused by its header, before there is a canvas."""
    data = next(data for found, data in bombs() if found == name)
    with pytest.raises(UnreadablePicture, match=r"^\d{5} x \d{5} pixels: more than the limit of 200,000,000 pixels$"):
        decode(data)


def test_a_frame_within_the_limit_is_read() -> None:
    """The limit is the program's own: what Pillow by itself would refuse is read, what is above is not."""
    data = gif((300, 200), (300, 200, 2))
    with pytest.raises(UnreadablePicture, match="300 x 200 pixels: more than the limit of 59,999 pixels"):
        decode(data, limits=Limits(max_pixels=59_999))
    with pytest.raises(UnreadablePicture, match="damaged gif"):  # its pixels are not there
        decode(data, limits=Limits(max_pixels=60_000))


def test_pillow_is_left_as_it_was() -> None:
    """Its limit belongs to the whole process: other programs in it keep theirs."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    for _, data in islice(bombs(), 6):
        try:
            decode(data)
        except (UnreadablePicture, UnsupportedPicture):
            pass
    assert before == Image.MAX_IMAGE_PIXELS is not None


def test_no_memory_is_taken(tmp_path: Path) -> None:
    """A picture beyond the limit, whole and in every format, is refused in the memory that its bytes take."""
    large = Image.new("L", (9000, 9000))
    names = [name for name in FORMATS if name not in PLUGINS or importlib.util.find_spec(PLUGINS[name])]
    for name in names:
        need(name)
        image = large if name == "jxl" else large.crop((0, 0, 3000, 3000))
        options = {"jxl": {"effort": 1}, "avif": {"speed": 10}, "webp": {"method": 0}}.get(name, {})
        (tmp_path / name).write_bytes(encode(image, FORMATS[name], **options))
    program = (
        "import json, resource, sys; from pathlib import Path; from model.images.decoding import Limits, decode\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "grown = {}\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    data = path.read_bytes(); decode_before = peak()\n"
        "    for limit in (1, 1_000_000):\n"
        "        try: decode(data, limits=Limits(limit))\n"
        "        except Exception as error: assert 'more than the limit' in str(error), (path, error)\n"
        "        else: raise SystemExit(f'{path} was read')\n"
        "    grown[path.name] = peak() - decode_before\n"
        "print(json.dumps(grown))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    grown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert set(grown) == set(names)
    assert max(grown.values()) < 40_000, grown  # KiB; the JPEG XL alone would take 80 MB
