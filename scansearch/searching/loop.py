"""The training loop of a search, once for every strategy: batches, weights, alpha, logs, checkpoints, stop and resume."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.nn import functional as F

from scansearch.data import Augmentation, ImageData, Split, normalise
from scansearch.errors import DivergenceError
from scansearch.models import Selection, Supernet
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import Folder
from scansearch.runs.limits import MOST_JUDGED, MOST_STEPS, check_amount
from scansearch.runs.tables import (
    DIAGNOSTICS,
    GENOTYPES,
    LAYERS,
    METRICS,
    SCORES,
    TIMING,
    DiagnosticsRow,
    LayerRow,
    MetricsRow,
    TimingRow,
)
from scansearch.searching.certainty import History, entropy, margin
from scansearch.searching.judge import Alone, SearchJudge, unavailable
from scansearch.searching.rows import judged_rows, score_rows
from scansearch.searching.state import restore_state, state_of
from scansearch.space import BoundSpace
from scansearch.strategy.base import Strategy
from scansearch.strategy.step import Batch, Plan, Step
from scansearch.training.batches import AUGMENT, HELD_OUT, HELD_OUT_AUGMENT, TRAIN, Batches, generator, split_off
from scansearch.training.correct import correct
from scansearch.training.events import Listener, Progress
from scansearch.training.interrupt import StopRequest
from scansearch.training.optimizer import schedule, set_lr, weight_optimizer

TUNING_RATE = 0.1
"""Fine-tuning begins at this share of the search's learning rate (DARTS-PT's published code)."""


class SearchLoop:
    """Trains a supernet under a strategy.

    Args:
        fabric: Device, precision and processes.
        supernet: The supernet.
        strategy: The strategy.
        space: What each layer chooses from.
        data: The images; the test split is never touched.
        config: The run's settings.
        folder: Where everything is written; locked by the caller.
        listener: Told about progress.
        alone: Trains one genotype's network from scratch, for strategies that judge so.
    """

    last: Step

    def __init__(
        self,
        fabric: Fabric,
        supernet: Supernet,
        strategy: Strategy,
        space: BoundSpace,
        data: ImageData,
        config: RunConfig,
        folder: Folder,
        listener: Listener,
        alone: Alone = unavailable,
    ) -> None:
        self.alone = alone
        self.fabric, self.strategy, self.space, self.data = fabric, strategy, space, data
        self.settings, self.seed, self.folder, self.listener = config.train, config.seed, folder, listener
        self.checkpoint_steps = config.machine.checkpoint_steps
        weights_part, held_out_part = split_off(len(data.train), strategy.traits.held_out_share, config.seed)
        size, ranks = self.settings.batch_size, fabric.world_size
        self.batches = Batches(weights_part, size, config.seed, TRAIN, ranks)
        self.held_out = Batches(held_out_part, size, config.seed, HELD_OUT, ranks) if len(held_out_part) else None
        subject = {**config.subject(), "images": data.fingerprint}
        self.plan = Plan(self.settings.epochs, self.batches.steps_per_epoch, config.seed, subject)
        check_amount(self.plan.steps, MOST_STEPS, "updates of the weights", "take fewer epochs, or larger batches")
        self.augment = Augmentation(config.augment, data.num_classes)
        self.supernet = supernet
        optimizer = weight_optimizer(supernet, self.settings)
        self.module, self.optimizer = fabric.setup(supernet, optimizer)
        strategy.setup(supernet, space, self.plan)
        check_amount(strategy.traits.judgements, MOST_JUDGED, "judged genotypes", "take fewer")
        check_amount(strategy.traits.tunings, MOST_STEPS, "updates of fine-tuning", "take a smaller --set tuning=")
        self.history = History()
        self.history.add(strategy.scores(), strategy.choose())
        self.step = 0
        self.judged = 0  # genotypes evaluated after the last epoch
        self.tuned = 0  # updates of the weights after the last epoch
        self.sums = [0.0, 0.0, 0.0]  # of this epoch: loss, correct answers, images

    def run(self) -> None:
        """Trains to the last epoch, from wherever the run stands, and lets the strategy finish.

        Raises:
            InterruptedRunError: After Ctrl-C or SIGTERM, once the state is saved.
            DivergenceError: If the loss is not finite.
        """
        with StopRequest() as stop:
            if self.strategy.traits.trains_supernet:
                self.train(stop)
            self.module.eval()  # whether it has just been trained or resumed
            self.strategy.finish(SearchJudge(self, self.alone, stop))
        if self.fabric.is_global_zero:
            self.folder.append(GENOTYPES, judged_rows(self.space, self.strategy.judged_genotypes()))

    def train(self, stop: StopRequest) -> None:
        """Trains to the last epoch, or until the strategy has had enough."""
        while self.step < self.plan.steps and not self.strategy.stopped:
            self._epoch(stop)
        if self.strategy.stopped:
            epoch = self.step // self.plan.steps_per_epoch
            self.listener.warned(f"the search ended after epoch {epoch} of {self.plan.epochs}: {self.strategy.stopped}")

    def _epoch(self, stop: StopRequest) -> None:
        began, start = time.perf_counter(), self.step
        end = (self.step // self.plan.steps_per_epoch + 1) * self.plan.steps_per_epoch
        while self.step < end:
            self._train_step()
            self.listener.stepped(self.progress())
            if self.step < end and (stop.requested or self.step % self.checkpoint_steps == 0):
                self.save_and_heed(stop)
        seconds = time.perf_counter() - began
        self.module.eval()  # what a strategy measures here has no dropped paths in it
        self.strategy.after_epoch(self.last)
        self._log_epoch(seconds, (end - start) * self.batches.size / seconds)
        self.save_and_heed(stop)

    def save_and_heed(self, stop: StopRequest) -> None:
        """Saves, and stops if that was asked for."""
        self.save()
        stop.heed(f"after step {self.step} of {self.plan.steps}", self.folder.path)

    def _train_step(self) -> None:
        self.module.train()
        step = self.last = self._step()
        set_lr(self.optimizer, self.settings.lr * step.schedule)
        self.strategy.before_weights(step)
        logits, loss = self._backward(step.train, self.strategy.select(self.step))
        self.strategy.after_backward(step)
        self._update()
        count = len(step.train.images)
        self.sums[0] += float(loss) * count
        self.sums[1] += correct(logits, step.train.targets)
        self.sums[2] += count
        self.step += 1

    def _backward(self, batch: Batch, selections: Sequence[Selection]) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of the loss; gives the logits (B, classes) and the loss."""
        self.optimizer.zero_grad()
        logits = self.module(batch.images, selections)
        loss = self.loss(logits, batch.targets)
        self._check(loss.item(), "loss")
        self.fabric.backward(loss)
        return logits.detach(), loss.detach()

    def _update(self) -> None:
        if self.settings.clip_norm:
            weights = [p for _, p in self.supernet.weight_parameters() if p.grad is not None]
            torch.nn.utils.clip_grad_norm_(weights, self.settings.clip_norm)
        self.optimizer.step()

    def tune(self, selections: Sequence[Selection]) -> None:
        """One update of the weights after the last epoch, by a fresh optimiser at a falling rate, from a tenth of the search's."""
        if self.tuned == 0:
            self.optimizer.state.clear()
        self.module.train()
        number = self.plan.steps + self.tuned
        highest = max(self.settings.lr * TUNING_RATE, self.settings.min_lr)
        floor = self.settings.min_lr / highest
        set_lr(self.optimizer, highest * schedule(self.tuned, self.strategy.traits.tunings, 0, floor))
        self._backward(self._train_batch(number), selections)
        self._update()
        self.tuned += 1

    def _step(self) -> Step:
        number, warmup = self.step, round(self.settings.warmup_epochs * self.plan.steps_per_epoch)

        def raw_loss(batch: Batch, selections: Sequence[Selection]) -> torch.Tensor:
            with self.fabric.autocast():
                return self.loss(self.supernet(batch.images, selections), batch.targets)

        def recent(count: int) -> list[Batch]:
            make = self._train_batch if self.held_out is None else self._held_out_batch
            return [make(n) for n in range(max(0, number - count + 1), number + 1)]

        return Step(
            number=number,
            schedule=schedule(number, self.plan.steps, warmup, self.settings.min_lr / self.settings.lr),
            train=self._train_batch(number),
            held_out=None if self.held_out is None else self._held_out_batch(number),
            loss=lambda batch, selections: self.loss(self.module(batch.images, selections), batch.targets),
            raw_loss=raw_loss,
            recent=recent,
            optimizer=self.optimizer,
            backward=self.fabric.backward,
            mean=self._mean,
        )

    def _mean(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        if self.fabric.world_size == 1:
            return list(tensors)
        return [self.fabric.all_reduce(tensor, reduce_op="mean") for tensor in tensors]  # type: ignore[misc]

    def _train_batch(self, number: int) -> Batch:
        return self._batch(self.batches[number], AUGMENT, number)

    def _held_out_batch(self, number: int) -> Batch:
        assert self.held_out is not None
        return self._batch(self.held_out[number], HELD_OUT_AUGMENT, number)

    def _batch(self, samples: torch.Tensor, stream: int, step: int) -> Batch:
        mine = samples[self.fabric.global_rank :: self.fabric.world_size]
        images, labels = self.data.train.batch(mine)
        images = normalise(images, self.data.mean, self.data.std)
        randomness = generator(self.seed, stream, step, self.fabric.global_rank)
        images, targets = self.augment(images, labels, randomness)
        return Batch(self.fabric.to_device(images), self.fabric.to_device(targets))

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Cross-entropy with label smoothing, in float32."""
        return F.cross_entropy(logits.float(), targets, label_smoothing=self.settings.label_smoothing)

    def _check(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise DivergenceError(
                f"the {what} became {value} at step {self.step}; the last good checkpoint is kept in "
                f"{self.folder.path / 'checkpoints'}; start anew with a lower rate, for example "
                f"--set lr={self.settings.lr / 3:.1g}"
            )

    @torch.no_grad()
    def evaluate(
        self, selections: Sequence[Selection], split: Split | None = None, limit: int | None = None
    ) -> tuple[float, float]:
        """Mean loss and accuracy in [0, 1] of the supernet on a split (by default validation), or on evenly spaced images of it."""
        split = self.data.validation if split is None else split
        was_training = self.module.training
        self.module.eval()
        sums = torch.zeros(3, dtype=torch.float64)
        images = min(limit or len(split), len(split))
        for samples in (torch.arange(images) * len(split) // images).split(self.settings.batch_size):
            mine = samples[self.fabric.global_rank :: self.fabric.world_size]
            if len(mine) == 0:
                continue
            pixels, labels = split.batch(mine)
            pixels = self.fabric.to_device(normalise(pixels, self.data.mean, self.data.std))
            labels = self.fabric.to_device(labels)
            logits = self.module(pixels, selections).float()
            sums += torch.tensor(
                [float(F.cross_entropy(logits, labels)) * len(mine), correct(logits, labels), len(mine)]
            )
        self.module.train(was_training)
        loss, hits, count = self._all_ranks(sums)
        return loss / count, hits / count

    def _all_ranks(self, sums: torch.Tensor) -> list[float]:
        if self.fabric.world_size > 1:
            sums = self.fabric.all_reduce(self.fabric.to_device(sums), reduce_op="sum").cpu()  # type: ignore[union-attr]
        return [float(value) for value in sums]

    def _log_epoch(self, seconds: float, images_per_second: float) -> None:
        scores, kept = self.strategy.scores(), self.strategy.choose()
        self.history.add(scores, kept)
        val_loss, val_accuracy = self.evaluate(self.strategy.evaluation())
        epoch = self.step // self.plan.steps_per_epoch
        layers = [
            LayerRow(epoch, i, entropy(s), margin(s, k), self.history.changes(i))
            for i, (s, k) in enumerate(zip(scores, kept, strict=True))
        ]
        loss, hits, count = self._all_ranks(torch.tensor(self.sums, dtype=torch.float64))
        row = MetricsRow(
            epoch=epoch,
            step=self.step,
            train_loss=loss / count,
            train_accuracy=hits / count,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            lr=float(self.optimizer.param_groups[0]["lr"]),
            alpha_lr=self.strategy.alpha_lr(),
            entropy=math.fsum(line.entropy for line in layers) / len(layers),
            margin=min(line.margin for line in layers),
            genotype_changes=sum(line.changes for line in layers),
        )
        self.sums = [0.0, 0.0, 0.0]
        if self.fabric.is_global_zero:
            self.folder.append(METRICS, [row])
            self.folder.append(LAYERS, layers)
            self.folder.append(SCORES, score_rows(self.space, epoch, scores, kept))
            figures = self.strategy.diagnostics()
            self.folder.append(DIAGNOSTICS, [DiagnosticsRow(epoch, *figure) for figure in figures.items()])
            self.folder.append(TIMING, [TimingRow(epoch, seconds, images_per_second)])
        self.listener.epoch_done(row._asdict())

    def progress(self) -> Progress:
        """Where the run stands."""
        epoch = min(self.step // self.plan.steps_per_epoch + 1, self.plan.epochs)
        count = max(self.sums[2], 1.0)
        return Progress(epoch, self.plan.epochs, self.step, self.plan.steps, self.sums[0] / count, self.sums[1] / count)

    def save(self) -> None:
        """Writes everything that makes the next step.

        Raises:
            DivergenceError: If a parameter is not finite: such a state must not replace a good one.
        """
        for name, parameter in self.supernet.named_parameters():
            self._check(float(parameter.detach().sum(dtype=torch.float64)), f"sum of {name}")
        if not self.fabric.is_global_zero:
            return
        self.folder.save(self.step + self.judged + self.tuned, state_of(self))

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what ``save`` wrote.

        Raises:
            RunFolderError: If the state is not one of this search.
        """
        restore_state(self, state)
