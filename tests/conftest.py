"""What all tiers share: small weights, small archives, the data beside the project where it is there."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests that run side by side share the cores; with a thread per core each, they would wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from model.synthesis import Identity, draw
from tests.objects import object_server, objects

__all__ = ["object_server", "objects"]  # fixtures: one server for all modules

settings.register_profile("oshiwake", derandomize=True, deadline=None, database=None)
settings.load_profile("oshiwake")

PLUGINS = Path(__file__).parent / "plugins"
SHARED = Path(__file__).parents[1].parent / "shared"


def pytest_xdist_auto_num_workers() -> int:
    """Tests at once: one more than processors, since many tests wait for programs that they have started."""
    return min(4, (os.cpu_count() or 1) + 1)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is kept in, or read from, the cache of whoever runs the tests; child processes have the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Processes that tests start can be interrupted, also where a script runs the tests in its background.

    A shell without job control lets such a process ignore SIGINT, and whatever that process starts ignores it too.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def other_device(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than `tmp_path`."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here to cross to")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is such a thing: a journal's syncing costs no time there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a real network with random numbers: 32 pixels, 16 dimensions, loaded in a moment."""
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def save_small_weights(path: Path) -> Path:
    """Make such weights."""
    import torch

    from model.images.preprocessing import Preprocessing
    from model.network.resnet18 import Network
    from model.network.weights_file import save_network

    torch.manual_seed(20261123)
    save_network(path, Network(16), preprocessing=Preprocessing("pad", 32), threshold=0.02)
    return path


@dataclass(frozen=True)
class Collection:
    """An archive with its references, and room for the output and the store."""

    archive: Path
    references: Path
    output: Path
    store: Path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn collection to copy from: 3 characters, 48 pictures, strangers, and what every real archive has."""
    root = tmp_path_factory.mktemp("drawn")
    for identity, name in enumerate(("Akari", "桜 ひな", "Dahlia")):
        folder = root / "references" / name
        folder.mkdir(parents=True)
        for n in range(2):
            draw(Identity.from_seed(identity), n, size_px=64, variety="gentle").save(folder / f"{n}.png")
        for n in range(16):
            place = root / "archive" / ("お気に入り" if n % 2 else f"set {identity}")
            place.mkdir(parents=True, exist_ok=True)
            suffix = ("png", "jpg", "webp", "gif")[n % 4]
            picture = draw(Identity.from_seed(identity), 100 + n, size_px=96, variety="gentle")
            picture.save(place / f"{identity}-{n:02d}.{suffix}")
    _add_oddities(root / "archive")
    return root


def _add_oddities(archive: Path) -> None:
    whole = archive / "set 0" / "0-00.png"
    shutil.copyfile(whole, archive / "same again.png")
    (archive / "broken.png").write_bytes(whole.read_bytes()[:900])
    (archive / "no picture.png").write_text("not found")
    (archive / "notes.txt").write_text("notes")
    (archive / "other").mkdir()
    draw(Identity.from_seed(77), 5, size_px=96).save(archive / "other" / "0-00.png")
    with zipfile.ZipFile(archive / "volume.cbz", "w") as comic:
        for page in range(2):
            picture = archive / "other" / f"page {page}.png"
            draw(Identity.from_seed(page), 300 + page, size_px=96).save(picture)
            comic.write(picture, f"pages/{page}.png")
            picture.unlink()


FILES = 48 + 4 + 1 + 2
"""Files in the drawn archive: pictures of characters, oddities, a stranger, pages of the comic."""


@pytest.fixture
def collection(drawn: Path, tmp_path: Path) -> Collection:
    """A collection of one's own."""
    return copied(drawn, tmp_path)


def copied(drawn: Path, folder: Path) -> Collection:
    """A copy of the drawn collection in a folder."""
    shutil.copytree(drawn / "archive", folder / "archive")
    shutil.copytree(drawn / "references", folder / "references")
    return Collection(folder / "archive", folder / "references", folder / "sorted", folder / "store")


@dataclass(frozen=True)
class Entry:
    """What must not change about a file or folder."""

    digest: str
    mode: int
    mtime_ns: int


def snapshot(root: Path) -> dict[str, Entry]:
    """Every file and folder below a root: content, permissions, time of last change."""
    return {os.fsdecode(os.path.relpath(path, root)): _entry(path) for path in [root, *root.rglob("*")]}


def _entry(path: Path) -> Entry:
    status = path.lstat()
    digest = hashlib.sha256(_content(path)).hexdigest()
    return Entry(digest, stat.S_IMODE(status.st_mode), 0 if path.is_symlink() else status.st_mtime_ns)


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.readlink(path).encode()
    return path.read_bytes() if path.is_file() else b""


def layout(output: Path) -> dict[str, str]:
    """The placed files below an output folder and their content, without the journal."""
    return {
        str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file() and ".oshiwake" not in path.parts
    }
