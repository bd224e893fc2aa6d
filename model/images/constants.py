"""How a network looks at pixels: the numbers that its torch form and its OpenVINO form share."""

from __future__ import annotations

__all__ = ["BACKGROUND", "BINS", "LEVELS", "MEAN", "SAMPLES", "SPREAD", "STD", "WHITE", "WHITE_WEIGHT"]

BACKGROUND = (255, 255, 255)
"""What surrounds a picture in its square."""

MEAN = (0.485, 0.456, 0.406)
"""Of ImageNet, in RGB, 0..1: what torchvision's weights and the seed implementation expect."""

STD = (0.229, 0.224, 0.225)

LEVELS = 8
"""Levels of red, green and blue each in the histogram of colours."""

BINS = LEVELS**3

SAMPLES = 48
"""About so many rows and columns of pixels are looked at for the colours."""

SPREAD = 0.5
"""Standard deviation of the weight around the middle, where the edge is at 1."""

WHITE, WHITE_WEIGHT = 0.92, 0.1
"""Paper and padding: pixels with all channels above this count less."""
