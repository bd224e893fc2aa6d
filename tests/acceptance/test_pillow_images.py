"""Pillow's own test images, broken ones among them, through `producer run`.

They come with Pillow's source distribution, which `make chaos` downloads once. `PILLOW_IMAGES` names its file, the
unpacked folder, or the folder with the download.
"""

from __future__ import annotations

import io
import os
import tarfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from pillow_heif import register_heif_opener

from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from store.outcomes import Outcomes
from store.store import Store
from tests.acceptance.conftest import Program
from tests.acceptance.test_outcome import report
from tests.conftest import snapshot

NEAR = 0.001
"""Cosine distance that two ways of decoding and shrinking may have."""

NEAR_JPEG = 0.02
"""The same for a JPEG, which preprocessing v2 reads at a half, a quarter or an eighth of its size."""

OTHERWISE = {
    "10ct_32bit_128.tiff",  # angles: half of its numbers are below zero
    "apng/blend_op_over_near_transparent.png",  # the first frame of these is blank
    "apng/dispose_op_previous_frame.png",
    "apng/dispose_op_previous_region.png",
    "apng/mode_grayscale.png",
    "chi.gif",
}
"""Files of which Pillow's first frame, or its tones, are not what is meant to be seen."""


@pytest.fixture
def pillow_images(tmp_path: Path) -> Path:
    """The folder `Tests/images`, in a place of the test's own."""
    place = Path(os.environ.get("PILLOW_IMAGES", Path.home() / ".cache" / "oshiwake" / "pillow"))
    found = next(iter(sorted(place.glob("[Pp]illow-*.tar.gz"))), place) if place.is_dir() else place
    if found.is_dir() and (found / "Tests" / "images").is_dir():
        return found / "Tests" / "images"
    if not found.is_file():
        pytest.skip("Pillow's source distribution is not here; set PILLOW_IMAGES to it, or say `make chaos`")
    with tarfile.open(found) as archive:
        archive.extractall(tmp_path / "pillow", filter="data")
    return next((tmp_path / "pillow").glob("*/Tests/images"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pillow_images_are_accounted_for(program: Program, pillow_images: Path) -> None:
    """Each file has one row; no worker died; what is readable has the vector of a plain read, what is not a reason."""
    c = program.collection
    program.env["OSHIWAKE_WEIGHTS"] = str(DEFAULT_WEIGHTS)
    before = snapshot(pillow_images)
    args: list[str | Path] = ["--references", c.references, "--output", c.output, "--mode", "symlink"]
    status = program.json("run", pillow_images, *args, rc=1)
    assert snapshot(pillow_images) == before
    files = sorted(path for path in pillow_images.rglob("*") if path.is_file())
    rows = report(c)
    names = Counter(name.partition("!/")[0] for name in rows)
    assert set(names) == {str(path.relative_to(pillow_images)) for path in files}
    assert status["summary"]["files"] == len(rows) == sum(names.values())
    assert all(row["reason"] for row in rows.values() if row["outcome"] in ("unreadable", "unsupported"))
    logs = "".join(path.read_text() for path in c.store.glob("runs/*/logs/*.log"))
    assert "WorkerLostError" not in logs and "action=stuck" not in logs
    vectors = _vectors(c.store)
    assert len(vectors) > 400
    far = {name: d for name, d in _distances(pillow_images, vectors) if d > (NEAR_JPEG if _jpeg(name) else NEAR)}
    assert not set(far) - OTHERWISE, far


def _jpeg(name: str) -> bool:
    return name.endswith((".jpg", ".jpeg", ".mpo"))


def _vectors(store: Path) -> dict[str, np.ndarray]:
    """The embeddings of the newest run, by file."""
    opened = Store(store)
    found: dict[str, np.ndarray] = {}
    for chunk in Outcomes(opened).chunks(opened.latest().archive):
        names = chunk.names.take(chunk.embedded).to_pylist()
        found |= dict(zip(names, chunk.embeddings, strict=True))
    return found


def _distances(root: Path, vectors: dict[str, np.ndarray]) -> list[tuple[str, float]]:
    """How far each embedding is from that of a plain read, where the plain read can be had."""
    embedder = Embedder.load(DEFAULT_WEIGHTS)
    register_heif_opener()
    found = []
    for name, vector in sorted(vectors.items()):
        try:
            pixels = embedder.info.preprocessing(_plain(root / name))
        except OSError:  # cut off: Pillow reads none of it
            continue
        found.append((name, float(1 - embedder.embed(pixels[np.newaxis])[0] @ vector)))
    return found


def _plain(path: Path) -> Image.Image:
    """A picture as a viewer shows it, read with Pillow alone: upright, on white, eight bits."""
    with warnings.catch_warnings(action="ignore"), Image.open(path) as opened:
        picture = _in_srgb(ImageOps.exif_transpose(opened))
        if picture.mode.startswith("I"):  # Pillow itself would clip what is above 255
            picture = _eight_bits(picture)
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        return picture.convert("RGB")


def _in_srgb(picture: Image.Image) -> Image.Image:
    """By its colour profile, if that is one of its own colours."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        source = picture.convert("RGB") if picture.mode == "P" else picture
        srgb = ImageCms.createProfile("sRGB")
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.profileToProfile(source, profile, srgb, intent, mode, flags=flags) or picture
    except (KeyError, OSError, ValueError, ImageCms.PyCMSError):
        return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16 bits in tones of eight."""
    values = np.asarray(picture).astype(float)
    grey = Image.fromarray(np.clip(values / 257 + 0.5, 0, 255).astype(np.uint8))
    if isinstance(clear := picture.info.get("transparency"), int):
        grey.putalpha(Image.fromarray(values != clear).convert("L"))
    return grey
