"""What `reid` measures with is what a worker embeds: the same pixels, heads and vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.evaluation.embedded_set import embed_by_weights
from model.heads.detector import HeadDetector
from model.network.embedder import Embedder
from model.synthesis import Identity, draw
from model.training.dataset import FileDataset
from model.training.training_data import PictureSet
from store.listing import Listed
from workers.pipeline import Pipeline
from workers.sources import Sources


def test_embeds_what_a_worker_embeds(tmp_path: Path, small_weights: Path) -> None:
    """Whole pictures and heads, in the same order; pictures without a head, and one that cannot be read, among them."""
    paths = [tmp_path / f"{n}.png" for n in range(8)]
    for n, path in enumerate(paths):
        draw(Identity.from_seed(n), n, size_px=1000 if n == 2 else 256, variety="gentle").save(path)
    paths[5].write_bytes(paths[5].read_bytes()[:500])
    detector = HeadDetector.load(threads=1)
    pictures = PictureSet(FileDataset(paths), [(n, n) for n in range(8)], "drawn", tuple("abcdefgh"))
    found, _ = embed_by_weights(small_weights, "cpu", pictures, detector)
    pipeline = Pipeline(Embedder.load(small_weights, precision="fp32"), detector=detector)
    reads, _ = pipeline.run(
        Sources(bytes(tmp_path)), [(n, Listed(bytes(Path(p.name)), 1, 1)) for n, p in enumerate(paths)]
    )
    assert found.rows.tolist() == [0, 1, 2, 3, 4, 6, 7] and [row for row, _ in found.failures] == [5]
    assert len(found.heads.vectors) > 0 and 0 in np.diff(found.heads.starts)
    for place, row in enumerate(found.rows.tolist()):
        read, heads = reads[row], found.heads.take(np.array([place]))
        assert found.embeddings[place] == pytest.approx(read.embedding, abs=1e-3)
        assert len(heads.vectors) == (0 if read.heads is None else len(read.heads))
        if read.heads is not None:
            assert heads.vectors == pytest.approx(read.heads, abs=1e-3) and (heads.boxes == read.boxes).all()
