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
    """Where pictures come from.

    Attributes:
        kind: `manifest` reads the files that a manifest lists; `synthesis` draws characters as they are needed.
        manifest: Parquet file made by `reid dataset`, with a column `split`.
        first_identity: Seed of the first drawn character for training.
        identities: How many drawn characters there are for training; their seeds are consecutive.
        block: Characters are drawn into a batch in blocks of so many neighbours.
        schemes_shared: Share of blocks whose characters all have one colour scheme, 0..1.
        draw_px: Side at which characters are drawn, before augmentation; 0 means the side of the preprocessing.
        aspect: Largest ratio of a drawn picture's sides; every other one is a square.
        gentle: Share of drawn pictures as a clean collection would hold them; the rest vary in everything.
        development_identities: Drawn characters to measure on; their seeds begin at 1,000,000,000.
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
    development_identities: int = Field(200, ge=2)
    development_pictures: int = Field(5, ge=2)


class BatchConfig(_Section):
    """How pictures are gathered into batches.

    Attributes:
        kind: `article`: up to `pictures` of a character until about `grouped` are gathered, plus `random` from all.
            `characters`: exactly `characters` characters with `pictures` pictures each.
        characters: For `characters`.
        pictures: Pictures of one character.
        grouped: For `article`.
        random: For `article`.
        accumulate: Batches whose gradients make one step.
    """

    kind: Literal["article", "characters"] = "article"
    characters: int = Field(32, ge=2)
    pictures: int = Field(10, ge=2)
    grouped: int = Field(100, ge=2)
    random: int = Field(100, ge=0)
    accumulate: int = Field(1, ge=1)


class AugmentationConfig(_Section):
    """How a training picture is changed. Colours stay near the original: they tell characters apart.

    Attributes:
        crop: Smallest share of the picture's area that a random crop keeps, 0..1; 1 crops nothing.
        stretch: Largest ratio by which a crop's sides are changed against each other, >= 1.
        rotate_deg: Largest rotation in degrees.
        warp: Largest shift of a point when half of the pictures are bent, as a share of the side.
        flip: Probability of a mirror image.
        brightness: Largest relative change, 0..1; so for `contrast` and `saturation`.
        hue: Largest shift of the hue as a share of the circle, 0..0.5.
        tint: Largest strength of a coloured light over the whole picture, 0..1.
        grey: Probability of a picture without colours.
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
        colours: How many of its numbers tell colours, fitted in closed form before the training; 0 for none.
        colour_share: Their share of the squared length, 0..1; without it that of the weights file, or 0.3.
        init: `scratch`, `imagenet` (torchvision's weights), `default` (the shipped weights), a weights file,
            or a checkpoint of another training. A file brings its own dimension and colours.
        size_px: Side of the square picture that the finished network takes.
        fit: How a picture becomes a square.
        small_px: Side for the first part of the training, 0 for none: small pictures teach the coarse things faster.
        small_share: Share of the steps made with small pictures, 0..1.
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
    """The loss by name, with parameters passed on to pytorch-metric-learning.

    Attributes:
        name: The loss.
        miner: Which pairs or triplets of a batch it sees.
        parameters: Keyword arguments of the loss.
        miner_parameters: Keyword arguments of the miner.
        lr_factor: Learning rate of the loss's own weights (proxies) against that of the network.
        traits: Weight of a second loss, on what drawn characters look like; 0 for none. Needs `data.kind = synthesis`.
    """

    name: LossName = "triplet"
    miner: MinerName = "none"
    parameters: dict[str, float] = {}
    miner_parameters: dict[str, float] = {}
    lr_factor: float = Field(10.0, gt=0)
    traits: float = Field(0.0, ge=0)


class OptimizerConfig(_Section):
    """The optimiser; weight decay spares biases and normalisation."""

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(1e-3, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-6, ge=0)
    clip: float = Field(0.0, ge=0)
    """Largest norm of the gradient; 0 for no limit."""


class ScheduleConfig(_Section):
    """How long, and how the learning rate runs.

    Attributes:
        steps: Optimiser steps; 0 takes `epochs`.
        epochs: Passes over the manifest, where `steps` is 0.
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
    """How the machine is used, and when to look up.

    Attributes:
        precision: Number format of the forward pass. `bfloat16` and `float16` are mixed precision.
        threads: CPU threads of torch, 0 for its default. Part of the result: sums differ with their order.
        workers: Processes that load or draw pictures; 0 does it in the training process.
        checkpoint_steps: Steps between checkpoints.
        evaluate_steps: Steps between measurements on the development set.
        patience: Measurements without improvement before the training stops early; 0 for never.
        threshold_far: The stored threshold is that of this false accept rate on the development set; 0 stores that of
            the equal error rate.
        average: Decay of the running mean of the weights that is measured and shipped; 0 uses the last weights.
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
    """Everything that decides which weights come out."""

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
        """Read a TOML file, then replace values by `section.key=value` overrides (values in TOML).

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
        """Check plain values; `name` stands in front of an error's message.

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
        """The same with the length of the run settled."""
        return self.model_copy(update={"schedule": self.schedule.model_copy(update={"steps": steps})})

    @property
    def digest(self) -> str:
        """sha256 of the values, hexadecimal; two runs with one digest and one version make the same weights."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """The values as JSON can hold them."""
        return self.model_dump(mode="json")
