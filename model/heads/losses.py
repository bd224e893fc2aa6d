"""How far the detector's answer is from what it should be."""

from __future__ import annotations

from torch import Tensor

__all__ = ["detection_loss"]

_CERTAIN = 1e-5


def detection_loss(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Focal loss on the centres, and the mean absolute error of offsets and sizes near them.

    The focal loss is that of CenterNet (arXiv 1904.07850, equation 1) with alpha 2 and beta 4.

    Args:
        found: `(n, 5, h, w)`, as the network gives it.
        wanted: `(n, 5, h, w)`, see `model.heads.targets.targets`.
        weight: `(n, h, w)`, how much offset and size count.
    """
    chance, bump = found[:, 0].sigmoid().clamp(_CERTAIN, 1 - _CERTAIN), wanted[:, 0]
    centre = (bump >= 0.999).float()
    hit = centre * (1 - chance) ** 2 * chance.log()
    miss = (1 - centre) * (1 - bump) ** 4 * chance**2 * (1 - chance).log()
    error = ((found[:, 1:] - wanted[:, 1:]).abs().sum(dim=1) * weight).sum() / weight.sum().clamp(min=1)
    return error - (hit + miss).sum() / centre.sum().clamp(min=1)
