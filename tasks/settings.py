"""All settings, from the environment: `OSHIWAKE_` and the upper-case name. The command line's options go before them.

Read at entry points only (the command line, the start of a worker); everything below gets values, not settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from store.location import choose, default_store, location
from store.roots import parse_roots
from tasks.broker_address import check_address
from tasks.errors import BadSettings

__all__ = ["Settings", "read_settings"]


class Settings(BaseSettings):
    """What differs between machines and operators.

    Attributes:
        broker_url: Redis or Valkey: `redis://`, `rediss://` (TLS) or `redis+socket://`; Celery's own variable
            `CELERY_BROKER_URL` is read where ours is not set.
        store: The run directory, the same folder or `s3://bucket/prefix` for the producer and all workers.
        roots: `name=/path,other=/path` or a JSON object: where this machine has the folders that runs know by name;
            nothing is read or written outside them. Empty: paths are absolute, and the same on all machines.
        device: `cpu`, `cuda`, or `auto` for the GPU where there is one.
        batch: Pictures through the network at once; 0 chooses for the machine.
        decode_threads: Files that a process reads and decodes at once; 0 chooses for the machine.
        network_threads: Threads of the network on a CPU; 0 chooses for the machine.
        precision: What the network is computed in: `auto` is the quickest that keeps the embeddings; `int8` does not
            ask how far it moves them.
        max_pixels: Larger pictures count as unreadable.
        max_bytes: Larger files count as unreadable.
        picture_limit_s: Reading and decoding one picture may take so long.
        chunk_images: Images that one embed task handles at most.
        reduce_fan_out: Chunks from which on the reducers, where there are several, share the assignment of a pass.
        prefetch: Chunks that a process holds at once, the one in work included; 2 for slow links (docs/scaling.md).
        embed_limit_s: An embed task that takes longer is killed.
        reduce_limit_s: A reduce task that takes longer is killed; the next one continues.
        visibility_s: A message whose worker has vanished is delivered again after so long.
        keep_s: How long the counters of a run stay in Redis.
        patience_s: How long a chunk that is done waits for a broker that is away; then it goes back to the queue.
        grace_s: How long `producer worker`, told to stop, lets a chunk in hand go on before it goes back to the queue.
    """

    model_config = SettingsConfigDict(
        env_prefix="OSHIWAKE_",
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # a traceback would show the broker's password
    )

    broker_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias=AliasChoices("OSHIWAKE_BROKER_URL", "CELERY_BROKER_URL"),
        repr=False,
    )
    store: Path | str = Field(default_factory=default_store)
    roots: Annotated[dict[str, str], NoDecode] = {}
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch: int = Field(0, ge=0)
    decode_threads: int = Field(0, ge=0)
    network_threads: int = Field(0, ge=0)
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    max_pixels: int = Field(200_000_000, ge=1)
    max_bytes: int = Field(1 << 30, ge=1)
    picture_limit_s: float = Field(120.0, gt=0)
    chunk_images: int = Field(256, ge=1, le=65536)
    prefetch: int = Field(1, ge=1, le=16)
    reduce_fan_out: int = Field(1024, ge=1)
    embed_limit_s: int = Field(1800, ge=1)
    reduce_limit_s: int = Field(3300, ge=1)
    visibility_s: int = Field(3600, ge=1)
    keep_s: int = Field(7 * 24 * 3600, ge=1)
    grace_s: float = Field(300.0, ge=0)
    patience_s: float = Field(300.0, ge=0)

    @field_validator("broker_url")
    @classmethod
    def _parses(cls, value: str) -> str:
        return check_address(value)

    @field_validator("store", mode="before")
    @classmethod
    def _folder_or_bucket(cls, value: object) -> object:
        return choose(location(str(value)), lambda folder: folder, str)

    @field_validator("roots", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return parse_roots(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ordered(self) -> Settings:
        # A task longer than the visibility timeout would be delivered a second time while it runs, and a run whose
        # counters expire before its messages would never be complete.
        if not max(self.embed_limit_s, self.reduce_limit_s) < self.visibility_s < self.keep_s:
            raise ValueError(
                "embed_limit_s and reduce_limit_s must be shorter than visibility_s, and that shorter than keep_s"
            )
        return self


def read_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        BadSettings: A value has the wrong form; the message names the variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = "".join(f"OSHIWAKE_{str(part).upper().removeprefix('OSHIWAKE_')}: " for part in first["loc"][:1])
        raise BadSettings(variable + first["msg"].removeprefix("Value error, ")) from error
