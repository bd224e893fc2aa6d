"""A sheet of pictures with the boxes of the heads that were found in them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.errors import ModelError, PictureError
from model.files import write_bytes
from model.heads.detector import HeadDetector
from model.heads.weights_file import DEFAULT_DETECTOR
from model.images.preprocessing import Preprocessing

__all__ = ["head_sheet"]

_CELL_PX = 180
_ACROSS = 10
_COLOUR = (230, 30, 60)


def head_sheet(folder: Path, output: Path, weights: Path | None, pictures: int) -> tuple[int, int]:
    """Write the sheet; return how many heads were found, and in how many pictures was looked.

    Raises:
        ModelError: No picture can be read, or the weights cannot be used.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = files[:: max(1, len(files) // pictures)][:pictures]
    detector = HeadDetector.load(weights or DEFAULT_DETECTOR)
    cells, found = [], 0
    for path in files:
        try:
            picture = Preprocessing().read_thumbnail(path.read_bytes())
        except PictureError:
            continue
        boxes = detector.detect([picture])[0]
        found += len(boxes)
        cells.append(_cell(Image.fromarray(picture), boxes))
    if not cells:
        raise ModelError(f"{folder}: no picture in it can be read")
    rows = -(-len(cells) // _ACROSS)
    sheet = Image.new("RGB", (_CELL_PX * min(_ACROSS, len(cells)), _CELL_PX * rows), "white")
    for n, cell in enumerate(cells):
        sheet.paste(cell, (n % _ACROSS * _CELL_PX, n // _ACROSS * _CELL_PX))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    write_bytes(output, content.getvalue())
    return found, len(cells)


def _cell(picture: Image.Image, boxes: NDArray[np.float32]) -> Image.Image:
    scale = _CELL_PX / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(small)
    for left, top, right, bottom, score in boxes.tolist():
        pen.rectangle((left * size[0], top * size[1], right * size[0], bottom * size[1]), outline=_COLOUR, width=2)
        pen.text((left * size[0] + 3, top * size[1] + 2), f"{score:.2f}", fill=_COLOUR)
    cell = Image.new("RGB", (_CELL_PX, _CELL_PX), "white")
    cell.paste(small, ((_CELL_PX - size[0]) // 2, (_CELL_PX - size[1]) // 2))
    return cell
