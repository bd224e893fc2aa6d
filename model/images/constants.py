"""Preprocessing constants that the torch and the OpenVINO network share."""

from __future__ import annotations

__all__ = ["BACKGROUND", "BINS", "LEVELS", "MEAN", "SAMPLES", "SPREAD", "STD", "WHITE", "WHITE_WEIGHT"]

BACKGROUND = (255, 255, 255)
"""What surrounds a picture in its square."""

MEAN = (0.485, 0.456, 0.406)
"""Mean and deviation of ImageNet in RGB, 0..1, as torchvision's weights and the seed implementation expect."""

STD = (0.229, 0.224, 0.225)

LEVELS = 8
"""Bins of the colour histogram per channel."""

BINS = LEVELS**3

SAMPLES = 48
"""Approximate number of rows and columns of pixels that the colour histogram samples."""

SPREAD = 0.5
"""Standard deviation of the Gaussian weight around the middle; the edge is at 1."""

WHITE, WHITE_WEIGHT = 0.92, 0.1
"""Pixels with all channels above this count less: they are paper or padding."""
