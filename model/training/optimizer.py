"""The optimiser and its learning rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from model.training.config import OptimizerConfig, ScheduleConfig

__all__ = ["build_optimizer", "learning_rate", "set_learning_rate"]


def build_optimizer(
    network: nn.Module, loss: nn.Module, config: OptimizerConfig, lr_factor: float
) -> torch.optim.Optimizer:
    """Make the optimiser, without weight decay on vectors (biases, normalisation)."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, "factor": 1.0},
        {"params": vectors, "weight_decay": 0.0, "factor": 1.0},
    ]
    if proxies := list(loss.parameters()):
        groups.append({"params": proxies, "weight_decay": config.weight_decay, "factor": lr_factor})
    if config.name == "adamw":
        # Not fused: that reads moments in memory order, which a checkpoint does not keep.
        return torch.optim.AdamW(groups, lr=config.lr)
    return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)


def learning_rate(step: int, config: ScheduleConfig, lr: float) -> float:
    """The learning rate of step `step` of `config.steps`, counted from 0."""
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    done = step / max(1, config.steps)
    if config.decay == "cosine":
        return lr * warm * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    if config.decay == "linear-tail":
        return lr * warm * min(1.0, max(0.0, (1.0 - done) / config.tail))
    return lr * warm


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every group to its factor times `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]
