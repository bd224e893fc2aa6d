"""The box around a head, as the frame of a picture shows it."""

from __future__ import annotations

__all__ = ["Box", "visible_box"]

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

_LEAST_VISIBLE = 0.35


def visible_box(box: Box, size: tuple[int, int], least_px: float) -> Box | None:
    """What the frame shows of a head.

    Args:
        box: The whole head, in pixels.
        size: Width and height of the picture, in pixels.
        least_px: What is smaller along a side is too little to be called a head.

    Returns:
        The visible part as fractions of the picture, 0..1; None where that is too little to be called a head.
    """
    left, top, right, bottom = max(0.0, box[0]), max(0.0, box[1]), min(size[0], box[2]), min(size[1], box[3])
    if right - left < least_px or bottom - top < least_px:
        return None
    whole = (box[2] - box[0]) * (box[3] - box[1])
    area = (right - left) * (bottom - top)
    if area < _LEAST_VISIBLE * whole and area < 0.5 * size[0] * size[1]:
        return None
    return float(left / size[0]), float(top / size[1]), float(right / size[0]), float(bottom / size[1])
