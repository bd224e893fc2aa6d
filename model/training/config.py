"""The configuration of a training run: one typed object, read from TOML.

Every value has a default; the defaults of loss, optimiser and batch are those of the article.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model.errors import ConfigurationError
from model.images.preprocessing import Fit
from model.training.config_overrides import set_value

__all__ = [
    "AugmentationConfig",
    "BatchConfig",
    "Config",
    "DataConfig",
    "LossConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "RunConfig",
    "ScheduleConfig",
]

LossName = Literal["triplet", "contrastive", "multi-similarity", "nt-xent", "supcon", "arcface", "proxy-anchor"]
MinerName = Literal["none", "batch-hard", "semi-hard", "multi-similarity"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Section):
    """The training data.

    Attributes:
        kind: `manifest` reads the files that a manifest lists; `synthesis` draws characters on demand.
        manifest: Parquet file made by `reid dataset`, with a column `split`.
        first_identity: Seed of the first drawn character for training.
        identities: Number of drawn characters for training; their seeds are consecutive.
        block: Characters are drawn into a batch in blocks of so many neighbours.
        schemes_shared: Share of blocks whose characters all have one colour scheme, 0..1.
        draw_px: Side at which characters are drawn, before augmentation; 0 means the side of the preprocessing.
        aspect: Largest ratio of a drawn picture's sides; every other one is a square.
        gentle: Share of drawn pictures with little variation, as in a clean collection.
        wide: Share of drawn pictures by more hands: soft shading, watercolour, pencil, ink, screentone. What is neither
            gentle nor wide has the full variety.
        heads: Share of drawn pictures of which only the head is seen, cut out as the program cuts out what its detector
            finds; the others are seen whole.
        costumes: Share of drawn pictures in clothes that no other picture of the character shows.
        uniforms: Share of blocks whose characters all wear the same clothes, 0..1.
        rooms: Share of drawn pictures whose background is one of four that the characters of a block share.
        development_identities: Drawn characters for validation; their seeds begin at 1,000,000,000. They
            are seen whole, in their own clothes and rooms.
        development_pictures: Pictures of each.
    """

    kind: Literal["manifest", "synthesis"] = "manifest"
    manifest: Path | None = None
    first_identity: int = Field(0, ge=0)
    identities: int = Field(20_000, ge=2, le=900_000_000)
    block: int = Field(4, ge=1)
    schemes_shared: float = Field(0.2, ge=0, le=1)
    draw_px: int = Field(0, ge=0)
    aspect: float = Field(1.0, ge=1)
    gentle: float = Field(0.0, ge=0, le=1)
    wide: float = Field(0.0, ge=0, le=1)
    heads: float = Field(0.0, ge=0, le=1)
    costumes: float = Field(0.0, ge=0, le=1)
    uniforms: float = Field(0.0, ge=0, le=1)
    rooms: float = Field(0.0, ge=0, le=1)
    development_identities: int = Field(200, ge=2)
    development_pictures: int = Field(5, ge=2)

    @model_validator(mode="after")
    def _adds_up(self) -> DataConfig:
        if self.gentle + self.wide > 1:
            raise ValueError(f"gentle {self.gentle} and wide {self.wide} are more than all pictures")
        return self


class BatchConfig(_Section):
    """The composition of batches.

    Attributes:
        kind: `article`: up to `pictures` of a character up to about `grouped` in all, plus `random` from all.
            `characters`: exactly `characters` characters with `pictures` pictures each.
        characters: For `characters`.
        pictures: Pictures of one character.
        grouped: For `article`.
        random: For `article`.
        accumulate: Batches per optimiser step (gradient accumulation).
    """

    kind: Literal["article", "characters"] = "article"
    characters: int = Field(32, ge=2)
    pictures: int = Field(10, ge=2)
    grouped: int = Field(100, ge=2)
    random: int = Field(100, ge=0)
    accumulate: int = Field(1, ge=1)


class AugmentationConfig(_Section):
    """Augmentation. Colours stay near the original, because they distinguish characters.

    Attributes:
        crop: Smallest share of the picture's area that a random crop keeps, 0..1; 1 crops nothing.
        stretch: Largest change of a crop's aspect ratio, >= 1.
        rotate_deg: Largest rotation in degrees.
        warp: Largest shift of a grid point as a share of the side; half of the pictures are warped.
        flip: Probability of a mirror image.
        brightness: Largest relative change, 0..1; so for `contrast` and `saturation`.
        hue: Largest shift of the hue as a share of the circle, 0..0.5.
        tint: Largest strength of a coloured light over the whole picture, 0..1.
        grey: Probability of a grey picture.
        texture: Probability of strands, grain or crisp edges over the drawing; hues stay.
        blur: Probability of a blur or a smaller resolution.
        jpeg: Probability of JPEG artefacts.
        erase: Probability of a covered rectangle.
        frame: Probability of a coloured frame with a badge, as collectible cards have.
    """

    crop: float = Field(0.5, gt=0, le=1)
    stretch: float = Field(1.2, ge=1)
    rotate_deg: float = Field(5.0, ge=0, le=180)
    warp: float = Field(0.0, ge=0, le=0.1)
    flip: float = Field(0.5, ge=0, le=1)
    brightness: float = Field(0.15, ge=0, le=1)
    contrast: float = Field(0.15, ge=0, le=1)
    saturation: float = Field(0.15, ge=0, le=1)
    hue: float = Field(0.0, ge=0, le=0.5)
    tint: float = Field(0.0, ge=0, le=1)
    grey: float = Field(0.0, ge=0, le=1)
    texture: float = Field(0.0, ge=0, le=1)
    blur: float = Field(0.1, ge=0, le=1)
    jpeg: float = Field(0.1, ge=0, le=1)
    erase: float = Field(0.0, ge=0, le=1)
    frame: float = Field(0.0, ge=0, le=1)


class NetworkConfig(_Section):
    """The network to train.

    Attributes:
        dimension: Length of an embedding.
        colours: Dimensions of the colour features, fitted in closed form before the training; 0 for none.
        colour_share: Their share of the squared length, 0..1; default: that of the weights file, or 0.3.
        init: `scratch`, `imagenet` (torchvision's weights), `default` (the shipped weights), a weights file,
            or a checkpoint of another training. A file sets dimension and colours.
        size_px: Side of the input of the finished network.
        fit: How a picture becomes a square input.
        small_px: Side in the first part of the training, 0 for none: small pictures train faster.
        small_share: Share of the steps with small pictures, 0..1.
    """

    dimension: int = Field(500, ge=1)
    colours: int = Field(0, ge=0, le=512)
    colour_share: float | None = Field(None, ge=0, le=1)
    init: str = "scratch"
    size_px: int = Field(128, ge=16, le=1024)
    fit: Fit = "pad"
    small_px: int = Field(0, ge=0)
    small_share: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _fits(self) -> NetworkConfig:
        if 0 < self.small_px < 16:
            raise ValueError(f"small_px {self.small_px}: at least 16, or 0 for none")
        if self.colours >= self.dimension:
            raise ValueError(f"colours {self.colours} leave nothing of dimension {self.dimension} to learn")
        return self


class LossConfig(_Section):
    """The loss and miner of pytorch-metric-learning, with their parameters.

    Attributes:
        name: The loss.
        miner: Selects the pairs or triplets of a batch.
        parameters: Keyword arguments of the loss.
        miner_parameters: Keyword arguments of the miner.
        lr_factor: Factor of the learning rate for the loss's own weights (proxies).
        traits: Weight of the auxiliary attribute loss; 0 for none. Needs `data.kind = synthesis`.
    """

    name: LossName = "triplet"
    miner: MinerName = "none"
    parameters: dict[str, float] = {}
    miner_parameters: dict[str, float] = {}
    lr_factor: float = Field(10.0, gt=0)
    traits: float = Field(0.0, ge=0)


class OptimizerConfig(_Section):
    """The optimiser; no weight decay on biases and normalisation."""

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(1e-3, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-6, ge=0)
    clip: float = Field(0.0, ge=0)
    """Gradient clipping by norm; 0 for none."""


class ScheduleConfig(_Section):
    """Length and learning rate schedule.

    Attributes:
        steps: Optimiser steps; 0 takes `epochs`.
        epochs: Passes over the manifest, if `steps` is 0.
        warmup_steps: The learning rate rises linearly over so many steps.
        decay: `none`, `cosine` (over all steps), `linear-tail` (linearly to 0 over the last `tail` of the steps).
        tail: Share of the steps, 0..1.
    """

    steps: int = Field(0, ge=0)
    epochs: int = Field(30, ge=1)
    warmup_steps: int = Field(0, ge=0)
    decay: Literal["none", "cosine", "linear-tail"] = "none"
    tail: float = Field(0.3, gt=0, le=1)


class RunConfig(_Section):
    """Use of the machine, checkpoints and validation.

    Attributes:
        precision: Number format of the forward pass. `bfloat16` and `float16` are mixed precision.
        threads: CPU threads of torch, 0 for its default. They affect the result: sums differ with their order.
        workers: Processes that load or draw pictures; 0: the training process itself.
        checkpoint_steps: Steps between checkpoints.
        evaluate_steps: Steps between validations.
        patience: Early stopping after so many validations without improvement; 0 for never.
        threshold_far: The stored threshold is that of this false accept rate on the development set; 0 stores that of
            the equal error rate.
        average: Decay of the exponential moving average of the weights, which is validated and exported; 0: none.
    """

    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: int = Field(0, ge=0)
    workers: int = Field(1, ge=0)
    checkpoint_steps: int = Field(200, ge=1)
    evaluate_steps: int = Field(500, ge=1)
    patience: int = Field(0, ge=0)
    threshold_far: float = Field(0.01, ge=0, lt=1)
    average: float = Field(0.0, ge=0, lt=1)


class Config(_Section):
    """All settings that affect the weights."""

    seed: int = Field(1, ge=0)
    data: DataConfig = DataConfig()
    batch: BatchConfig = BatchConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    run: RunConfig = RunConfig()

    @classmethod
    def from_toml(cls, path: Path | None, overrides: list[str] | None = None) -> Config:
        """Read a TOML file, then apply `section.key=value` overrides (values in TOML).

        Raises:
            ConfigurationError: The file cannot be read, or a key or a value is wrong.
        """
        values: dict[str, Any] = {}
        if path is not None:
            try:
                values = tomllib.loads(path.read_text(encoding="utf-8"))
            except OSError as error:
                raise ConfigurationError(f"{path}: {error.strerror or error}") from error
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{path}: not TOML ({error})") from error
        for override in overrides or []:
            set_value(values, override)
        return cls.from_values(values, str(path or "configuration"))

    @classmethod
    def from_values(cls, values: dict[str, Any], name: str = "configuration") -> Config:
        """Validate plain values; `name` is the prefix of error messages.

        Raises:
            ConfigurationError: A key or a value is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
            raise ConfigurationError(f"{name}: {where}: {reason}") from error

    def with_steps(self, steps: int) -> Config:
        """The same with a fixed number of steps."""
        return self.model_copy(update={"schedule": self.schedule.model_copy(update={"steps": steps})})

    @property
    def digest(self) -> str:
        """sha256 of the values, hexadecimal; runs with the same digest and version make the same weights."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """The values for JSON."""
        return self.model_dump(mode="json")
