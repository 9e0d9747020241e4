"""A strategy under observation: the same searches, with what the engine relies on checked at every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from scansearch.models import Selection, Supernet
from scansearch.searching.judge import SearchJudge
from scansearch.space import BoundSpace, Choice
from scansearch.strategy.base import Judge, Strategy, StrategySettings
from scansearch.strategy.step import Plan, Step
from scansearch.testing.requirement import require


def observed(strategy: type[Strategy]) -> type[Strategy]:
    """A subclass that raises ``AssertionError`` as soon as something does not hold.

    - ``choose`` gives genotypes of the space, ``scores`` one finite number a candidate. Both, and ``evaluation``, give the
      same when asked again and draw no random numbers.
    - Alpha are parameters of the supernet, never in the weights' optimiser, and no other step than the strategy's moves them.
    - The weights stay as they are in every method; only ``evaluate.tune`` moves them in ``finish``.
    - Held-out images are none of those that the weights learn from, and only ``before_weights`` and ``after_epoch`` get them.
    - The settings at the end are those of the beginning.
    """

    class Observed(strategy):  # type: ignore[misc, valid-type]
        def __init__(self, settings: StrategySettings) -> None:
            super().__init__(settings)
            self._given = settings.model_copy(deep=True)
            self._left: list[torch.Tensor] | None = None

        def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
            super().setup(supernet, space, plan)
            saved = {id(p) for name, p in supernet.named_parameters() if name in supernet.state_dict()}
            for alpha in supernet.architecture_parameters():
                kept = isinstance(alpha, nn.Parameter) and id(alpha) in saved
                require(kept, "alpha is not a parameter of the supernet, so it is lost in checkpoints")

        def scores(self) -> list[torch.Tensor]:
            with _unmoved(self.supernet, "scores"):
                scores: list[torch.Tensor] = _twice("scores", super().scores)
            for number, (layer, values) in enumerate(zip(self.space, scores, strict=True)):
                fits = values.shape == (len(layer.candidates),) and bool(values.isfinite().all())
                require(
                    fits,
                    f"scores() must give layer {number + 1} one finite score a candidate, but gives {_told(values)}",
                )
            return scores

        def choose(self) -> Choice:
            with _unmoved(self.supernet, "choose"):
                choice: Choice = _twice("choose", super().choose)
            ascending = all(list(kept) == sorted(kept) for kept in choice)
            require(ascending and self.space.allows(choice), f"choose() gives {choice}, which is not in the space")
            return choice

        def evaluation(self) -> list[Selection]:
            with _unmoved(self.supernet, "evaluation"):
                selections: list[Selection] = _twice("evaluation", super().evaluation)
            return selections

        def select(self, step: int) -> list[Selection]:
            with _unmoved(self.supernet, "select"):
                selections: list[Selection] = super().select(step)
            return selections

        def before_weights(self, step: Step) -> None:
            self._check_alpha()
            with _unmoved(self.supernet, "before_weights"):
                super().before_weights(step)

        def after_backward(self, step: Step) -> None:
            with _unmoved(self.supernet, "after_backward"):
                super().after_backward(replace(step, make_held_out=None, recent=lambda count: []))
            alphas = self.supernet.architecture_parameters()
            weights = [p for group in step.optimizer.param_groups for p in group["params"]]
            twice = any(alpha is weight for alpha in alphas for weight in weights)
            require(not twice, "alpha is in the optimiser of the weights; give it one of its own")
            self._left = _copies(alphas)

        def after_epoch(self, step: Step) -> None:
            self._check_alpha()
            with _unmoved(self.supernet, "after_epoch"):
                super().after_epoch(step)

        def finish(self, evaluate: Judge) -> None:
            assert isinstance(evaluate, SearchJudge)
            feed = evaluate.loop.feed
            weights, held_out = feed.batches.samples, feed.held_out_batches
            shared = held_out is not None and bool(torch.isin(weights, held_out.samples).any())
            require(not shared, "the weights learn from held-out images")
            before = _copies([weight for _, weight in self.supernet.weight_parameters()])
            super().finish(evaluate)
            same = _equal(before, [weight for _, weight in self.supernet.weight_parameters()])
            require(same or evaluate.loop.tuned > 0, "finish() changes the weights; only evaluate.tune may")
            require(self.settings == self._given, f"the settings became {self.settings!r}; they were {self._given!r}")

        def _check_alpha(self) -> None:
            left, self._left = self._left, None
            same = left is None or _equal(left, _copies(self.supernet.architecture_parameters()))
            require(same, "alpha moves with the step of the weights; only the strategy may move it")

    return Observed


def _twice(name: str, ask: Callable[[], Any]) -> Any:
    before = torch.get_rng_state()
    first, second = ask(), ask()
    require(torch.equal(before, torch.get_rng_state()), f"{name}() draws random numbers; it must not change the search")
    require(_equal(first, second), f"{name}() gives {_told(first)}, and asked again {_told(second)}")
    return first


@contextmanager
def _unmoved(supernet: Supernet, hook: str) -> Iterator[None]:
    weights = [parameter for _, parameter in supernet.weight_parameters()]
    before = _copies(weights)
    yield
    require(_equal(before, weights), f"{hook}() changes the weights; only the loop's optimiser may")


def _copies(parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _told(value: Any) -> str:
    return " ".join(str(value).split())
