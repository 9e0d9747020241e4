"""The base class of search strategies.

The life of a strategy, as the loop (``searching/loop.py``) drives it::

    setup(supernet, space, plan)
    every step:    before_weights(step)       alpha from held-out data (bilevel search), if the strategy wants it
                   select(step)               which branches run, with what weights
                   after_backward(step)       alpha from the weights' own gradient (joint search), if it wants it
    every epoch:   after_epoch(step)          measurements
                   stopped                    whether that is enough
                   scores()                   logged: probabilities, entropy, margin, genotype changes
    at the end:    finish(evaluate), scores(), choose()
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from pydantic import BaseModel, ConfigDict

from scansearch.models import Selection, Supernet
from scansearch.space import BoundSpace, Choice
from scansearch.strategy.step import Plan, Step


class StrategySettings(BaseModel):
    """Base of a strategy's settings: validated, documented by their field descriptions, listed by the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Judge(Protocol):
    """What a strategy asks after training: how good is this genotype?"""

    def __call__(self, selections: Sequence[Selection]) -> float:
        """Validation accuracy in [0, 1] of the supernet under these selections."""

    def on(self, images: int, selections: Sequence[Selection]) -> float:
        """The same on so many validation images, evenly spaced: quicker, and rougher."""

    def standalone(self, choice: Choice, epochs: int) -> float:
        """Validation accuracy in [0, 1] of the derived network, trained from scratch for so many epochs."""

    def tune(self, selections: Sequence[Selection], updates: int) -> None:
        """Trains the supernet's weights under these selections; what was done before an interruption is not repeated."""


class Strategy(ABC):
    """A way to search: says which branches of the supernet run, and which directions are kept in the end.

    A strategy is registered under the entry-point group ``scansearch.strategies``. It must draw random numbers from
    torch's global generator only, or keep its own generator in ``state_dict``: a resumed run continues bit for bit.
    """

    description: ClassVar[str] = ""
    when: ClassVar[str] = ""
    """When to use it rather than another, one line."""
    score_name: ClassVar[str] = "score"
    """What ``scores`` are, in a few words, for figures."""
    Settings: ClassVar[type[StrategySettings]] = StrategySettings
    presets: ClassVar[dict[str, dict[str, dict[str, Any]]]] = {}
    """Named recipes: ``{"paper": {"train": {...}, "strategy": {...}}}``."""

    def __init__(self, settings: StrategySettings) -> None:
        self.settings = settings
        self.supernet: Supernet
        self.space: BoundSpace
        self.plan: Plan

    @property
    def gradual(self) -> bool:
        """Whether scores grow epoch by epoch, so that their fluctuation tells how sure a margin is; not if all is chosen in the end."""
        return True

    @property
    def held_out_share(self) -> float:
        """Share of the training data that only ``before_weights`` sees; 0 means that it needs none."""
        return 0.0

    @property
    def judgements(self) -> int:
        """How many genotypes ``finish`` evaluates at most, for the progress bar."""
        return 0

    @property
    def tunings(self) -> int:
        """How many updates of the weights ``finish`` makes at most, for the progress bar."""
        return 0

    @property
    def trains_supernet(self) -> bool:
        """Whether the supernet is trained at all; strategies that train every genotype alone need none."""
        return True

    @property
    def stopped(self) -> str:
        """Why the search ends before its last epoch, or nothing to go on; asked after every epoch."""
        return ""

    def train_defaults(self) -> dict[str, Any]:
        """Training settings that this strategy wants unless the user says otherwise."""
        return {}

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Called once, when the supernet exists and before the first step or a resume.

        Args:
            supernet: The network to search in.
            space: What each layer chooses from, and what a genotype must satisfy.
            plan: How long the search will be.
        """
        self.supernet, self.space, self.plan = supernet, space, plan

    def notes(self) -> list[str]:
        """What the user should know about this search of this supernet, a line each; asked after ``setup``."""
        return []

    @abstractmethod
    def select(self, step: int) -> list[Selection]:
        """The selection of every layer for the weights' update number ``step``."""

    def before_weights(self, step: Step) -> None:
        """Called before the weights' forward pass of each step."""
        return

    def after_backward(self, step: Step) -> None:
        """Called when the gradients of the weights' loss are there, before the weights move."""
        return

    def after_epoch(self, step: Step) -> None:
        """Called after the last step of every epoch, which it is given; the supernet is in evaluation mode."""
        return

    def finish(self, evaluate: Judge) -> None:
        """Called once after the last epoch.

        Args:
            evaluate: ``evaluate(selections)`` gives the validation accuracy in [0, 1] with the supernet's weights,
                ``evaluate.standalone(choice, epochs)`` that of the derived network, trained alone, and
                ``evaluate.tune(selections, updates)`` trains the supernet's weights a little more.
        """
        return

    @abstractmethod
    def scores(self) -> list[torch.Tensor]:
        """What each layer thinks of its candidates, float64 of shape (N,) each, the larger the better."""

    def choose(self) -> Choice:
        """The candidates each layer keeps: by default the best by ``scores`` that the space allows."""
        return self.space.best(self.scores())

    def derived(self, choice: Choice) -> list[Selection]:
        """The selections under which a chosen sub-network is judged with the supernet's weights.

        By default its branches with equal weights and normalised, as a mixture has trained them.
        """
        return [Selection(kept, torch.full((len(kept),), 1.0 / len(kept))) for kept in choice]

    def evaluation(self) -> list[Selection]:
        """The selections under which the supernet's own accuracy is reported."""
        return self.select(0)

    def judged_genotypes(self) -> dict[Choice, float]:
        """Validation accuracies in [0, 1] of the genotypes that it judged, in their order; written to ``genotypes.csv``."""
        return {}

    def diagnostics(self) -> dict[str, float]:
        """Figures of this strategy's own, by name; asked after every epoch and written to ``diagnostics.csv``."""
        return {}

    def alpha_lr(self) -> float:
        """Current learning rate of the architecture parameters, for the log; 0 if there is none."""
        return 0.0

    def state_dict(self) -> dict[str, Any]:
        """State that is not in the supernet: optimisers, schedules, populations. Tensors, numbers, lists and dicts."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        return
