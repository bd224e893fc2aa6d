"""Fits the colour features of an embedding to labelled pictures, in closed form."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.errors import PictureError
from model.images.preprocessing import Preprocessing
from model.network.colour_histogram import ColourHistogram, histograms
from model.training.dataset import PictureDataset
from model.training.sampler import Batch
from model.training.validation import to_network

__all__ = ["fit_axes", "fit_colours"]

_REGULARISATION = 0.03
_BATCH = 64

Floats = NDArray[np.float64]


def fit_colours(
    colours: ColourHistogram, source: PictureDataset, pictures: Batch, preprocessing: Preprocessing
) -> None:
    """Fit the axes of the colour features to labelled pictures; unreadable ones are left out."""
    rows: list[Tensor] = []
    labels: list[int] = []
    for start in range(0, len(pictures), _BATCH):
        pixels = []
        for label, picture in pictures[start : start + _BATCH]:
            try:
                pixels.append(torch.from_numpy(np.array(preprocessing(source.load(label, picture)))))
            except PictureError:
                continue
            labels.append(label)
        if pixels:
            rows.append(histograms(to_network(torch.stack(pixels), torch.device("cpu"))))
    table = torch.cat(rows).double().numpy()
    axes, mean = fit_axes(table, np.array(labels), colours.axes.out_features)
    with torch.no_grad():
        colours.axes.weight.copy_(torch.from_numpy(axes))
        colours.axes.bias.copy_(torch.from_numpy(-axes @ mean))


def fit_axes(table: Floats, labels: NDArray[np.int64], dimension: int) -> tuple[Floats, Floats]:
    """Linear discriminant analysis (Fisher 1936; Rao 1948).

    Whitens by the (regularised) covariance within characters, then keeps the `dimension` principal axes of largest
    variance.

    Args:
        table: `(n, bins)` histograms.
        labels: `(n,)` characters.
        dimension: Directions to keep, at most `bins`.

    Returns:
        `(dimension, bins)` axes of largest singular value 1, and the `(bins,)` mean of the table.
    """
    mean = table.mean(axis=0)
    centred = table - mean
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), table.shape[1]))
    np.add.at(means, codes, centred)
    within = centred - (means / counts[:, None])[codes]
    values, vectors = np.linalg.eigh(within.T @ within / len(table))
    floor = _REGULARISATION * max(values[-1], 1e-12)
    whiten = vectors / np.sqrt(np.maximum(values, 0) + floor) @ vectors.T  # (bins, bins), symmetric
    white = centred @ whiten
    _, turn = np.linalg.eigh(white.T @ white)
    axes: Floats = turn[:, ::-1][:, :dimension].T @ whiten
    return axes / np.linalg.norm(axes, 2), mean
