"""Training on several GPUs under torchrun: each process embeds its part of a batch, and the loss uses the whole batch.

A metric loss compares pairs across the batch, so separate parts would give another loss. All processes gather the
embeddings with gradients, compute the whole loss, and sum the gradients. The step is that of one process, apart from
batch normalisation, which uses the statistics of each part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

__all__ = ["Ranks", "join_ranks"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Ranks:
    """Rank and number of processes.

    Attributes:
        rank: 0 for the process that writes and validates.
        count: 1 without torchrun.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes checkpoints."""
        return self.rank == 0

    def part(self, batch: Sequence[Item]) -> list[Item]:
        """This process's part of a batch."""
        return list(batch[self.rank :: self.count])

    def gather(self, rows: Tensor) -> Tensor:
        """Gather the rows of all processes, `(n_all, …)`, in the order of ranks, with gradients.

        Parts may differ in length, because pictures could not be read; they are padded to the longest.
        """
        if self.count == 1:
            return rows
        counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(self.count)]
        dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
        lengths = [int(count) for count in counts]
        padding = rows.new_zeros((max(lengths) - len(rows), *rows.shape[1:]))
        padded = torch.cat([rows, padding]).contiguous()
        parts: tuple[Tensor, ...] = _Gather.apply(padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    def sum_gradients(self, modules: Iterable[nn.Module]) -> None:
        """Average the gradients over the processes."""
        if self.count == 1:
            return
        for module in modules:
            for parameter in module.parameters():
                if parameter.grad is not None:
                    dist.all_reduce(parameter.grad)
                    parameter.grad /= self.count

    def gather_failures(self, failures: dict[str, str]) -> dict[str, str]:
        """Gather the pictures that a process could not read, with reasons."""
        if self.count == 1:
            return failures
        found: list[dict[str, str]] = [{} for _ in range(self.count)]
        dist.all_gather_object(found, failures)
        return {name: reason for each in found for name, reason in each.items()}

    def agree(self, network: nn.Module) -> None:
        """Broadcast the numbers of the first process."""
        if self.count > 1:
            for value in network.state_dict().values():
                dist.broadcast(value, 0)

    def agree_on(self, answer: bool) -> bool:
        """Broadcast the answer of the first process."""
        if self.count == 1:
            return answer
        word = [answer]
        dist.broadcast_object_list(word, 0)
        return word[0]


class _Gather(torch.autograd.Function):
    """All-gather of equal lengths; the backward pass sums the gradients of a process's rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> tuple[Tensor, ...]:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows)
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole = torch.stack(gradients)
        dist.all_reduce(whole)
        return whole[dist.get_rank()]


def join_ranks() -> Ranks:
    """Join the processes that torchrun started; one process without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Ranks()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return Ranks(dist.get_rank(), count)
