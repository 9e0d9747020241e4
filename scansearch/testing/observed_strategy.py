"""A strategy under observation: the same searches, with what the engine relies on checked at every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from scansearch.models import Selection, Supernet
from scansearch.runs.tables import MetricsRow
from scansearch.searching.judge import SearchJudge
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Distillation, Judge, Plan, Step, Strategy, StrategySettings
from scansearch.testing.requirement import CapabilityError
from scansearch.testing.sealed import Sealed
from scansearch.training.batch import Batch
from scansearch.training.branch_optimizers import RanBranches


def observed(strategy: type[Strategy]) -> type[Strategy]:
    """A subclass that raises ``CapabilityError`` as soon as a capability is missing."""
    return _unmoved(_held_out(_separate(_answers(_configurable(strategy)))))


def _configurable(strategy: type[Strategy]) -> type[Strategy]:
    """Settings and traits are at the end what they were at the beginning."""

    class Configurable(strategy):  # type: ignore[misc, valid-type]
        def __init__(self, settings: StrategySettings) -> None:
            super().__init__(settings)
            self._given = settings.model_copy(deep=True)

        def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
            before = self.traits
            super().setup(supernet, space, plan)
            self._promised = self.traits
            known = before._replace(judgements=self._promised.judgements, tunings=self._promised.tunings)
            _require("Configurable", known == self._promised, f"setup() makes of {before} {self._promised}")

        def finish(self, evaluate: Judge) -> None:
            super().finish(evaluate)
            now, given = self.settings, self._given
            _require("Configurable", now == given, f"the settings became {now!r}; they were {given!r}")
            _require("Configurable", self.traits == self._promised, f"{self._promised} became {self.traits}")

    return Configurable


def _answers(strategy: type[Strategy]) -> type[Strategy]:
    """What it is asked for is of the space, the same when it is asked again, and draws no random numbers."""

    class Answers(strategy):  # type: ignore[misc, valid-type]
        def scores(self) -> list[torch.Tensor]:
            scores: list[torch.Tensor] = _twice("scores", super().scores)
            for number, (layer, values) in enumerate(zip(self.space, scores, strict=True)):
                fits = values.shape == (len(layer.candidates),) and bool(values.isfinite().all())
                wrong = f"scores() must give layer {number + 1} one finite score a candidate, but gives {_line(values)}"
                _require("Valid", fits, wrong)
            return scores

        def choose(self) -> Choice:
            choice: Choice = _twice("choose", super().choose)
            ascending = all(list(kept) == sorted(kept) for kept in choice)
            fits = ascending and self.space.allows(choice)
            _require("Valid", fits, f"choose() gives {choice}, which is not in the space")
            return choice

        def evaluation(self) -> list[Selection]:
            selections: list[Selection] = _twice("evaluation", super().evaluation)
            return selections

    return Answers


def _separate(strategy: type[Strategy]) -> type[Strategy]:
    """Alpha are parameters of the supernet that only the strategy moves; the weights it moves by ``evaluate.tune`` alone."""

    class Separate(strategy):  # type: ignore[misc, valid-type]
        _left: list[torch.Tensor] | None = None

        def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
            super().setup(supernet, space, plan)
            saved = {id(p) for name, p in supernet.named_parameters() if name in supernet.state_dict()}
            for alpha in supernet.architecture_parameters():
                kept = isinstance(alpha, nn.Parameter) and id(alpha) in saved
                _require("Separate", kept, "alpha is not a parameter of the supernet, so it is lost in checkpoints")

        def scores(self) -> list[torch.Tensor]:
            with _still(self.supernet, "scores"):
                scores: list[torch.Tensor] = super().scores()
            return scores

        def choose(self) -> Choice:
            with _still(self.supernet, "choose"):
                choice: Choice = super().choose()
            return choice

        def evaluation(self) -> list[Selection]:
            with _still(self.supernet, "evaluation"):
                selections: list[Selection] = super().evaluation()
            return selections

        def select(self, step: int) -> list[Selection]:
            with _still(self.supernet, "select"):
                selections: list[Selection] = super().select(step)
            return selections

        def before_weights(self, step: Step) -> None:
            self._check_alpha()
            with _still(self.supernet, "before_weights"):
                super().before_weights(step)

        def after_backward(self, step: Step) -> None:
            with _still(self.supernet, "after_backward"):
                super().after_backward(step)
            alphas = self.supernet.architecture_parameters()
            weights = [p for group in step.optimizer.param_groups for p in group["params"]]
            twice = any(alpha is weight for alpha in alphas for weight in weights)
            _require("Separate", not twice, "alpha is in the optimiser of the weights; give it one of its own")
            self._left = _copies(alphas)

        def after_epoch(self, step: Step) -> None:
            self._check_alpha()
            with _still(self.supernet, "after_epoch"):
                super().after_epoch(step)

        def remarks(self, step: Step, epoch: MetricsRow) -> list[str]:
            with _untouched(self.supernet, "remarks"):
                lines: list[str] = super().remarks(step, epoch)
            return lines

        def finish(self, evaluate: Judge) -> None:
            assert isinstance(evaluate, SearchJudge)
            before = _copies([weight for _, weight in self.supernet.weight_parameters()])
            super().finish(evaluate)
            same = _equal(before, [weight for _, weight in self.supernet.weight_parameters()])
            tuned = evaluate.loop.tuned > 0
            _require("Separate", same or tuned, "finish() changes the weights; only evaluate.tune may")

        def _check_alpha(self) -> None:
            left, self._left = self._left, None
            same = left is None or _equal(left, _copies(self.supernet.architecture_parameters()))
            _require("Separate", same, "alpha moves with the step of the weights; only the strategy may move it")

    return Separate


def _held_out(strategy: type[Strategy]) -> type[Strategy]:
    """Held-out images are none that the weights learn from, and ``after_backward`` does not get them."""

    class HeldOut(strategy):  # type: ignore[misc, valid-type]
        def after_backward(self, step: Step) -> None:
            if step.make_held_out is not None:
                sealed: Any = Sealed("after_backward() uses held-out images; only before_weights and after_epoch may")
                step = replace(step, make_held_out=lambda: sealed, recent=sealed)
            super().after_backward(step)

        def finish(self, evaluate: Judge) -> None:
            assert isinstance(evaluate, SearchJudge)
            feed = evaluate.loop.feed
            weights, held_out = feed.batches.samples, feed.held_out_batches
            shared = held_out is not None and bool(torch.isin(weights, held_out.samples).any())
            _require("HeldOut", not shared, "the weights learn from held-out images")
            super().finish(evaluate)

    return HeldOut


def _unmoved(strategy: type[Strategy]) -> type[Strategy]:
    """Branches that a step does not run stay as they are, and none of its gradients is theirs."""

    class Unmoved(strategy):  # type: ignore[misc, valid-type]
        _ran: RanBranches | None = None
        _absent: Sequence[tuple[torch.Tensor, torch.Tensor]] = ()
        """Stacked weights with their values before the step, NaN in the rows of branches that run."""

        def before_weights(self, step: Step) -> None:
            self._check_absent()
            super().before_weights(step)
            self._ran = None  # what the loop asks for next is what the weights learn from

        def select(self, step: int) -> list[Selection]:
            selections: list[Selection] = super().select(step)
            if self._ran is None:
                self._ran = RanBranches(self.supernet.stacked_parameters())
                self._ran.note(selections)
            return selections

        def distillation(self, selections: Sequence[Selection]) -> Distillation | None:
            found: Distillation | None = super().distillation(selections)
            if found is not None and self._ran is not None:
                for also in (*found.students, *([found.teacher] if found.teacher else [])):
                    self._ran.note(also)
            return found

        def after_backward(self, step: Step) -> None:
            ran = self._ran
            assert ran is not None

            def loss(batch: Batch, selections: Sequence[Selection]) -> torch.Tensor:
                ran.note(selections)
                return step.loss(batch, selections)

            super().after_backward(replace(step, loss=loss))
            weights: list[torch.Tensor] = [w for layer in self.supernet.stacked_parameters() for w in layer]
            rows = ran.rows(weights, "cpu")
            for weight, own in zip(weights, rows, strict=True):
                lost = weight.grad is not None and bool(weight.grad.index_fill(0, own, 0).any())
                problem = (
                    "after_backward() adds gradients of branches that did not run by step.loss(): they would be lost"
                )
                _require("Unmoved", not lost, problem)
            before = [w.detach().index_fill(0, own, torch.nan) for w, own in zip(weights, rows, strict=True)]
            self._absent = list(zip(weights, before, strict=True))

        def after_epoch(self, step: Step) -> None:
            self._check_absent()
            super().after_epoch(step)

        def _check_absent(self) -> None:
            for weight, before in self._absent:
                same = bool((before.isnan() | (before == weight)).all())
                _require("Unmoved", same, "a branch moves in a step that did not run it")
            self._absent = ()

    return Unmoved


def _require(capability: str, holds: bool, problem: str) -> None:
    if not holds:
        raise CapabilityError(capability, problem)


def _twice(name: str, ask: Callable[[], Any]) -> Any:
    before = torch.get_rng_state()
    first, second = ask(), ask()
    unmoved = torch.equal(before, torch.get_rng_state())
    _require("Pure", unmoved, f"{name}() draws random numbers; it must not change the search")
    _require("Pure", _equal(first, second), f"{name}() gives {_line(first)}, and asked again {_line(second)}")
    return first


@contextmanager
def _still(supernet: Supernet, hook: str) -> Iterator[None]:
    weights = [parameter for _, parameter in supernet.weight_parameters()]
    before = _copies(weights)
    yield
    _require("Separate", _equal(before, weights), f"{hook}() changes the weights; only the loop's optimiser may")


@contextmanager
def _untouched(supernet: Supernet, hook: str) -> Iterator[None]:
    alphas = supernet.architecture_parameters()
    before, random = _copies(alphas), torch.get_rng_state()
    with _still(supernet, hook):
        yield
    same = _equal(before, alphas) and torch.equal(random, torch.get_rng_state())
    _require("Separate", same, f"{hook}() moves alpha or draws random numbers; it must not change the search")


def _copies(parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _line(value: Any) -> str:
    return " ".join(str(value).split())
