"""The loop of a search, once for every strategy: alpha beside the weights, tables, checkpoints, stop and resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from lightning_fabric import Fabric

from scansearch.data import ImageData
from scansearch.models import Selection, Supernet
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import Folder
from scansearch.runs.limits import MOST_JUDGED, MOST_STEPS, check_amount
from scansearch.runs.restore import (
    check_generators,
    check_keys,
    check_like,
    check_weights,
    generators,
    numbers,
    restore_generators,
    restoring,
    whole,
)
from scansearch.runs.tables import (
    DIAGNOSTICS,
    GENOTYPES,
    LAYERS,
    METRICS,
    SCORES,
    TIMING,
    DiagnosticsRow,
    TimingRow,
)
from scansearch.searching.certainty import History
from scansearch.searching.distil import distil
from scansearch.searching.make_step import make_step
from scansearch.searching.rows import judged_rows, layer_rows, metrics_row, score_rows
from scansearch.space import BoundSpace
from scansearch.strategy import Strategy
from scansearch.strategy.hooks import Judge
from scansearch.strategy.step import Plan, Step
from scansearch.training.batches import RESTART, generator
from scansearch.training.evaluate import Measured, evaluate
from scansearch.training.events import Listener, Progress
from scansearch.training.feed import Feed
from scansearch.training.interrupt import StopRequest
from scansearch.training.loss import correct
from scansearch.training.meter import LOG_STEPS, Meter
from scansearch.training.optimizer_state import load_optimizer
from scansearch.training.weights import Weights

STATE = ("step", "judged", "tuned", "sums", "supernet", "optimizer", "strategy", "history", "random")
LARGEST_COUNT = 10**9 - 1


class SearchLoop:
    """Trains a supernet under a strategy.

    Args:
        fabric: Device, precision and processes.
        make_supernet: Makes the supernet, and others like it for the strategy's restarts.
        strategy: The strategy.
        space: What each layer chooses from.
        data: The images; the test split is never touched.
        config: The run's settings.
        folder: Where everything is written; locked by the caller.
        listener: Told about progress.
        judge: ``judge(loop, stop)`` is what the strategy asks after training.
    """

    last: Step

    def __init__(
        self,
        fabric: Fabric,
        make_supernet: Callable[[], Supernet],
        strategy: Strategy,
        space: BoundSpace,
        data: ImageData,
        config: RunConfig,
        folder: Folder,
        listener: Listener,
        judge: Callable[[SearchLoop, StopRequest], Judge],
    ) -> None:
        self.fabric, self.strategy, self.space, self.data = fabric, strategy, space, data
        self.make_supernet, self.supernet = make_supernet, make_supernet()
        self.checkpoint_steps = config.machine.checkpoint_steps
        self.settings, self.folder, self.listener, self.judge = config.train, folder, listener, judge
        share = strategy.traits.held_out_share
        self.feed = Feed(
            data, config.augment, self.settings.batch_size, config.seed, fabric, share, config.machine.workers
        )
        self.processes = self.feed.processes
        subject = {**config.subject(), "images": data.fingerprint}
        self.plan = Plan(self.settings.epochs, self.feed.steps_per_epoch, config.seed, subject)
        check_amount(self.plan.steps, MOST_STEPS, "updates of the weights", "take fewer epochs, or larger batches")
        self.weights = Weights(self.supernet, self.settings, self.plan.steps_per_epoch, fabric)
        self.meter = Meter(self.processes, self.settings.lr, folder.path / "checkpoints")
        strategy.setup(self.supernet, space, self.plan)
        self.weights.restarts = strategy.traits.restarts
        check_amount(strategy.traits.judgements, MOST_JUDGED, "judged genotypes", "take fewer")
        check_amount(strategy.traits.tunings, MOST_STEPS, "updates of fine-tuning", "take a smaller --set tuning=")
        self.history = History()
        self.history.add(strategy.scores(), strategy.choose())
        self.step = 0
        self.judged = 0  # genotypes evaluated after the last epoch
        self.tuned = 0  # updates of the weights after the last epoch

    def run(self) -> None:
        """Trains to the last epoch, from wherever the run stands, and lets the strategy finish.

        Raises:
            InterruptedRunError: After Ctrl-C or SIGTERM, once the state is saved.
            DivergenceError: If the loss is not finite.
        """
        with StopRequest() as stop:
            if self.strategy.traits.trains_supernet:
                self.train(stop)
            self.weights.module.eval()  # whether it has just been trained or resumed
            self.strategy.finish(self.judge(self, stop))
        if self.processes.is_first:
            self.folder.append(
                GENOTYPES, judged_rows(self.space, self.strategy.judged_genotypes(), self.data.shape.measure)
            )
            self._log_diagnostics(self.strategy.final_diagnostics())

    def train(self, stop: StopRequest) -> None:
        """Trains to the last epoch, or until the strategy has had enough."""
        while self.step < self.plan.steps and not self.strategy.stopped:
            self._epoch(stop)
        if self.strategy.stopped:
            epoch = self.step // self.plan.steps_per_epoch
            self.listener.warned(f"the search ended after epoch {epoch} of {self.plan.epochs}: {self.strategy.stopped}")

    def _epoch(self, stop: StopRequest) -> None:
        began, start = time.perf_counter(), self.step
        epoch, done = divmod(self.step, self.plan.steps_per_epoch)
        end = (epoch + 1) * self.plan.steps_per_epoch
        if not done and epoch in self.weights.restarts:
            self._begin_anew(epoch)
        while self.step < end:
            self.advance()
            if self.step == end or self.step % LOG_STEPS == 0:
                self.meter.check()
            self.listener.stepped(self.progress())
            due = self.step % self.checkpoint_steps == 0
            if self.step < end and (stop.asked(self.processes, self.step) or due):
                self.save_and_stop(stop)
        seconds = time.perf_counter() - began
        self.weights.module.eval()  # what a strategy measures here has no dropped paths in it
        self.strategy.after_epoch(self.last)
        self._log_epoch(seconds, (end - start) * self.feed.batches.size / seconds)
        self.save_and_stop(stop)

    def save_and_stop(self, stop: StopRequest) -> None:
        """Saves, and stops if that was asked for."""
        self.save()
        stop.asked(self.processes)
        stop.raise_if_asked(f"after step {self.step} of {self.plan.steps}", self.folder.path)

    def advance(self) -> None:
        """Takes a step: one update of the weights, and what the strategy does around it."""
        try:
            self._train_step()
        except Exception:
            self.meter.check_own()  # nothing can be drawn or chosen by numbers that are none: say where they came from
            raise

    def _begin_anew(self, epoch: int) -> None:
        with torch.random.fork_rng(devices=[]):  # the same weights in every process, and after a resume
            torch.set_rng_state(generator(self.plan.seed, RESTART, epoch).get_state())
            self.weights.begin_anew(self.make_supernet())

    def _train_step(self) -> None:
        self.weights.set_rate(self.step)
        step = self.last = self._step(self.step, self.weights.factor(self.step))
        logits, loss = self._update(step)
        self.meter.add(self.step, loss, correct(logits, step.train.targets), len(step.train.images))
        self.step += 1

    def tune(self) -> None:
        """One more update after the last epoch: the strategy's own step, at the rate of fine-tuning."""
        number, updates = self.plan.steps + self.tuned, self.strategy.traits.tunings
        self.weights.set_tuning_rate(self.tuned, updates)
        logits, loss = self._update(self._step(number, self.weights.tuning_factor(self.tuned, updates)))
        self.meter.add(number, loss, logits.new_zeros(()), images=0)
        self.tuned += 1
        if self.tuned % LOG_STEPS == 0:
            self.meter.check()

    def _update(self, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
        self.weights.module.train()
        self.strategy.before_weights(step)
        selections = self.strategy.select(step.number)
        logits, loss = self.weights.backward(step.train, selections)
        distil(self.weights, step.train, logits, self.strategy.distillation(selections))
        self.strategy.after_backward(step)
        self.weights.update()
        return logits, loss

    def _step(self, number: int, schedule: float) -> Step:
        return make_step(number, schedule, self.feed, self.weights, self.supernet)

    def evaluate(self, selections: Sequence[Selection], limit: int | None = None) -> Measured:
        """What the supernet is worth on the validation split, or on evenly spaced images of it."""
        self.meter.check()
        return evaluate(self.supernet, self.data.validation, self.feed, selections, limit=limit)

    def _log_epoch(self, seconds: float, images_per_second: float) -> None:
        scores, kept = self.strategy.scores(), self.strategy.choose()
        self.history.add(scores, kept)
        found = self.evaluate(self.strategy.evaluation())
        epoch = self.step // self.plan.steps_per_epoch
        layers = layer_rows(epoch, scores, kept, self.history)
        trained, lr = self.meter.total(), float(self.weights.optimizer.param_groups[0]["lr"])
        rates = (lr, self.strategy.alpha_lr())
        row = metrics_row(self.step, trained, found, self.data.shape.measure, rates, layers)
        if self.processes.is_first:
            self.folder.append(METRICS, [row])
            self.folder.append(LAYERS, layers)
            self.folder.append(SCORES, score_rows(self.space, epoch, scores, kept))
            self._log_diagnostics(self.strategy.diagnostics())
            self.folder.append(TIMING, [TimingRow(epoch, seconds, images_per_second)])
        self.listener.epoch_done(row._asdict())
        for remark in self.strategy.remarks(self.last, row):
            self.listener.warned(remark)

    def _log_diagnostics(self, figures: dict[str, float]) -> None:
        epoch = self.step // self.plan.steps_per_epoch
        self.folder.append(DIAGNOSTICS, [DiagnosticsRow(epoch, *figure) for figure in figures.items()])

    def progress(self) -> Progress:
        """Where the run stands."""
        epoch = min(self.step // self.plan.steps_per_epoch + 1, self.plan.epochs)
        return Progress(epoch, self.plan.epochs, self.step, self.plan.steps, *self.meter.glance())

    def save(self) -> None:
        """Writes everything that makes the next step.

        Raises:
            DivergenceError: If a loss or a parameter is not finite: such a state must not replace a good one.
        """
        self.meter.check()
        self.weights.check_finite(self.meter, self.step)
        state = self._state()
        if self.processes.is_first:
            self.folder.save(self.step + self.judged + self.tuned, state)
        self.processes.wait()  # a process that ends ends the others, which must not be before the first has saved

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "judged": self.judged,
            "tuned": self.tuned,
            "sums": self.meter.sums_of_all(),
            "supernet": dict(self.supernet.state_dict()),
            "optimizer": self.weights.optimizer.state_dict(),
            "strategy": self.strategy.state_dict(),
            "history": self.history.state_dict(),
            "random": generators(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what ``save`` wrote, once all of it has been checked.

        Raises:
            RunFolderError: If the state is not one of this search.
        """
        with restoring(self.folder.path):
            check_keys(state, STATE, "its state")
            self.step = whole(state["step"], 0, self.plan.steps, "the step")
            self.judged, self.tuned = (whole(state[key], 0, LARGEST_COUNT, key) for key in ("judged", "tuned"))
            self.meter.restore(numbers(state["sums"], "sums"))
            check_weights(state["supernet"], self.supernet)
            check_generators(state["random"])
            self.history.load_state_dict(state["history"], self.step // self.plan.steps_per_epoch)
            self.supernet.load_state_dict(state["supernet"])
            load_optimizer(self.weights.optimizer, state["optimizer"])
            check_like(state["strategy"], self.strategy.state_dict(), "the strategy's state")
            self.strategy.load_state_dict(state["strategy"])
            score_rows(self.space, 0, self.strategy.scores(), self.strategy.choose())  # a row for every candidate
            restore_generators(state["random"])
