"""What is declared of somebody else's network: how its pictures are prepared, and how its vectors are compared."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import WeightsError
from model.images.preprocessing import Filter, Fit, Preprocessing

__all__ = ["Declaration", "Distance", "InputForm"]

Distance = Literal["cosine", "half-cosine", "euclidean"]
"""`cosine` is 1 - cos, `half-cosine` (1 - cos) / 2, `euclidean` that of vectors of unit length."""

_Triple = tuple[float, float, float]
_Positive = Annotated[float, Field(gt=0)]


class InputForm(BaseModel):
    """How a network takes a picture.

    Attributes:
        size: Side of the square in pixels; None takes what the network says.
        fit: Whether a picture keeps its shape on white, or is stretched to the square.
        filter: By which it is scaled.
        colours: Order of the channels.
        scale: What values of 0..255 are divided by.
        mean: Taken off then, by channel in the order of `colours`.
        deviation: What the values are divided by then.
        layout: Channels before or after rows and columns.
        output: Name or number (from 0) of the network's output; None where it has only one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: Annotated[int, Field(ge=16, le=2048)] | None = None
    fit: Fit = "stretch"
    filter: Filter = "bilinear"
    colours: Literal["RGB", "BGR"] = "RGB"
    scale: _Positive = 255.0
    mean: _Triple = (0.0, 0.0, 0.0)
    deviation: tuple[_Positive, _Positive, _Positive] = (1.0, 1.0, 1.0)
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    output: str | Annotated[int, Field(ge=0)] | None = None


class Declaration(InputForm):
    """What a network is, besides its numbers.

    Attributes:
        normalise: Whether the vectors get unit length here; else the network must give it to them.
        distance: What its publisher compares two vectors by.
        threshold: The published one, in that distance; None where none is known.
        licence: Of the network.
        source: Where it comes from.
    """

    normalise: bool = True
    distance: Distance = "cosine"
    threshold: Annotated[float, Field(ge=0, le=2)] | None = None
    licence: str = ""
    source: str = ""

    @classmethod
    def beside(cls, path: Path, given: dict[str, Any]) -> Declaration:
        """The declaration in the TOML file beside a network, `network.toml` for `network.onnx`, if there is one.

        Args:
            path: The network.
            given: Values that take the place of those in the file; None is none.

        Raises:
            WeightsError: The file cannot be read, or a value is none; it names both.
        """
        file = path.with_suffix(".toml")
        values: dict[str, Any] = {}
        if file.exists():
            try:
                values = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise WeightsError(f"{file}: {getattr(error, 'strerror', None) or error}") from error
        values |= {name: value for name, value in given.items() if value is not None}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            where = str(file) if file.exists() else str(path)
            raise WeightsError(f"{where}: {name}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error

    def preprocessing(self, size_px: int) -> Preprocessing:
        """How a picture becomes the square of pixels that the network takes."""
        return Preprocessing(self.fit, size_px, filter=self.filter)

    def cosine_threshold(self) -> float | None:
        """The published threshold as a cosine distance."""
        if self.threshold is None:
            return None
        return {"cosine": self.threshold, "half-cosine": 2 * self.threshold, "euclidean": self.threshold**2 / 2}[
            self.distance
        ]
