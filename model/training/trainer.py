"""The training loop."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from model.errors import CheckpointError, ConfigurationError
from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.training.auxiliary_head import AttributeLoss, AttributeTargets
from model.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from model.training.config import Config
from model.training.config_overrides import differences
from model.training.dataset import DrawnDataset
from model.training.distributed import Ranks
from model.training.im2col import use_im2col
from model.training.loader import LoadedBatch, load_batches
from model.training.losses import build_loss, build_miner
from model.training.optimizer import build_optimizer, learning_rate, set_learning_rate
from model.training.training_data import TrainingData
from model.training.validation import embed_set, measure, to_network

__all__ = ["CHECKPOINT", "Trainer", "steps_of"]

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"

Report = Callable[[dict[str, float]], None]
"""Called after each step with `step`, `loss` and `lr`, after a measurement also with `eer` and `threshold`."""


class Trainer:
    """A run: network, loss, optimiser and their state.

    Attributes:
        network: The network.
        average: The moving average of its weights, or the network itself without averaging.
        progress: Steps and figures so far.
    """

    def __init__(
        self,
        config: Config,
        data: TrainingData,
        output: Path,
        network: Network,
        device: str = "cpu",
        ranks: Ranks | None = None,
    ) -> None:
        """Make a run at step 0.

        Args:
            config: The configuration.
            data: The pictures.
            output: Folder for checkpoints.
            network: With initial weights; trained in place.
            device: Where to train.
            ranks: Rank and number of processes.
        """
        self.config = config
        self._ranks = ranks or Ranks()
        self._data = data
        self._output = output
        self._device = torch.device(device)
        self._preprocessing = Preprocessing(config.network.fit, config.network.size_px)
        self.network = network.to(self._device).to(memory_format=torch.channels_last).train()
        if self._device.type == "cpu":
            use_im2col(self.network)
        self.average = copy.deepcopy(self.network).eval() if config.run.average else self.network
        torch.manual_seed(config.seed)
        self._loss = build_loss(config.loss, characters=data.characters, dimension=network.head.out_features).to(
            self._device
        )
        self._miner = build_miner(config.loss)
        self._traits = attribute_loss(config, data, network)
        helpers = nn.ModuleList([self._loss] if self._traits is None else [self._loss, self._traits])
        self._optimizer = build_optimizer(network, helpers, config.optimizer, config.loss.lr_factor)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=config.run.precision == "float16")
        self.progress = TrainingState(0, config.plain(), config.digest)
        self._ranks.agree(self.network)

    def resume(self, path: Path, *, changed: bool = False) -> None:
        """Continue from a checkpoint.

        Args:
            path: The checkpoint.
            changed: The configuration may differ, such as in a longer schedule.

        Raises:
            CheckpointError: It is damaged, or belongs to another configuration.
        """
        progress = load_checkpoint(path, self._modules(), self._optimizer)
        if progress.config_digest != self.config.digest and not changed:
            other = ", ".join(differences(progress.config, self.config.plain())) or "of another version"
            raise CheckpointError(
                f"{path}: made with another configuration ({other}); give that one, or --changed to go on"
            )
        progress.config, progress.config_digest = self.config.plain(), self.config.digest
        if progress.scaler:
            self._scaler.load_state_dict(progress.scaler)
        self.progress = progress

    def run(self, report: Report) -> None:
        """Train to the end of the schedule, or until the development EER no longer improves.

        Args:
            report: See `Report`.
        """
        run, accumulate = self.config.run, self.config.batch.accumulate
        steps = self.config.schedule.steps
        left = steps - self.progress.step
        if left <= 0 or self._is_stalled():
            return
        first = self.progress.step * accumulate
        loaded = load_batches(
            self._data.plan, self._data.source, self.config, first=first, count=left * accumulate, ranks=self._ranks
        )
        while self.progress.step < steps:
            figures = self._step(loaded)
            self.progress.step += 1
            step = self.progress.step
            if step % run.evaluate_steps == 0 or step == steps:
                figures |= self._evaluate(figures)
            is_stalled = self._ranks.agree_on(self._is_stalled())
            if step % run.checkpoint_steps == 0 or step == steps or is_stalled:
                self.save()
            report(figures)
            if is_stalled:
                return

    def save(self) -> None:
        """Write the checkpoint in the first process; all processes call this at the same step."""
        self.progress.failures = self._ranks.gather_failures(self.progress.failures)
        if not self._ranks.is_first:
            return
        self.progress.scaler = self._scaler.state_dict()
        save_checkpoint(self._output / CHECKPOINT, self.progress, self._modules(), self._optimizer)

    def _modules(self) -> dict[str, nn.Module]:
        averaged: dict[str, nn.Module] = {"average": self.average} if self.config.run.average else {}
        traits: dict[str, nn.Module] = {} if self._traits is None else {"traits": self._traits}
        return {"network": self.network, "loss": self._loss} | averaged | traits

    def _step(self, loaded: Iterator[LoadedBatch]) -> dict[str, float]:
        """One optimiser step over `accumulate` batches."""
        step, accumulate = self.progress.step, self.config.batch.accumulate
        # Miners may use random numbers; the step is the seed, so that a resumed run draws the same.
        torch.manual_seed(self.config.seed * 1_000_003 + step)
        lr = learning_rate(step, self.config.schedule, self.config.optimizer.lr)
        set_learning_rate(self._optimizer, lr)
        total = 0.0
        for _ in range(accumulate):
            loss = self._batch_loss(next(loaded))
            self._scaler.scale(loss / accumulate).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) / accumulate
        self._update()
        return {"step": step + 1, "loss": total, "lr": lr}

    def _batch_loss(self, batch: LoadedBatch) -> Tensor:
        self.progress.failures |= dict(batch.failures)
        if len(batch.labels) < 2 and self._ranks.count == 1:  # unreadable pictures: batch normalisation needs two
            return torch.zeros((), device=self._device, requires_grad=True)
        part = batch.labels.to(self._device)
        with self._autocast():
            features = self.network.features(to_network(batch.pictures, self._device))
            embeddings = self.network.project(features)
        embeddings, labels = self._ranks.gather(embeddings.float()), self._ranks.gather(part)
        mined = self._miner(embeddings, labels) if self._miner else None
        loss: Tensor = self._loss(embeddings, labels, mined)
        if self._traits is not None:
            loss = loss + self.config.loss.traits * self._traits(features.float(), part)
        return loss

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.config.run.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self.config.run.precision))

    def _update(self) -> None:
        self._ranks.sum_gradients(self._modules().values())
        self._scaler.unscale_(self._optimizer)
        if self.config.optimizer.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optimizer.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        if self.config.run.average:
            self._update_average()

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the moving average, with less decay at first so that the initial weights fade."""
        step = self.progress.step
        decay = min(self.config.run.average, (1 + step) / (10 + step))
        for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def _evaluate(self, figures: dict[str, float]) -> dict[str, float]:
        if self._data.development is None or not self._ranks.is_first:
            return {}
        embedded = embed_set(self.average, self._data.development, self._preprocessing, workers=self.config.run.workers)
        equal, _ = measure(embedded.embeddings, embedded.labels)
        found = {"eer": equal.rate, "threshold": equal.threshold}
        is_best = all(equal.rate < entry["eer"] for entry in self.progress.history)
        self.progress.history.append(figures | found)
        if is_best:
            save_checkpoint(self._output / BEST, self.progress, {"average": self.average}, self._no_optimizer())
        return found

    def load_best(self) -> None:
        """Restore the weights with the minimum development EER."""
        if (self._output / BEST).exists():
            load_checkpoint(self._output / BEST, {"average": self.average}, None)

    def _no_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.0)

    def _is_stalled(self) -> bool:
        patience = self.config.run.patience
        rates = [entry["eer"] for entry in self.progress.history]
        return bool(patience) and len(rates) > patience and min(rates[-patience:]) >= min(rates[:-patience])


def attribute_loss(config: Config, data: TrainingData, network: Network) -> AttributeLoss | None:
    """The auxiliary attribute loss, if the configuration asks for it.

    Raises:
        ConfigurationError: The pictures are not drawn, so their attributes are unknown.
    """
    if not config.loss.traits:
        return None
    if not isinstance(data.source, DrawnDataset):
        raise ConfigurationError("loss.traits: only drawn characters (data.kind = 'synthesis') have known traits")
    return AttributeLoss(AttributeTargets(data.source), network.head.in_features)


def steps_of(config: Config, data: TrainingData) -> int:
    """Length of the run in steps."""
    epochs = config.schedule.epochs
    return config.schedule.steps or max(1, epochs * data.batches_per_epoch // config.batch.accumulate)
