"""The base class of search strategies.

The life of a strategy, as the loop (``searching/loop.py``) drives it; in brackets the hooks, which by default do nothing
(``strategy/hooks.py``)::

    traits                     what the search must know beforehand
    [rehearse()]               in a dry run: write nothing outside of the run folder
    setup(supernet, space, plan)
    [notes()]                  what the user should know
    every step:    [before_weights(step)]     alpha from held-out data (bilevel search)
                   select(step)               which branches run, with what weights
                   [distillation(selections)] what else learns in this step, from whose predictions
                   [after_backward(step)]     alpha from the weights' own gradient (joint search)
    every epoch:   [after_epoch(step)]        measurements
                   scores(), choose()         logged: entropy, margin, genotype changes
                   evaluation()               under which the supernet is evaluated
                   [remarks(step, epoch)]     what the user should know now
                   state_dict()               for the checkpoint
                   [stopped]                  whether that is enough
    at the end:    [finish(evaluate)], scores(), choose(), derived(choice)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.space import BoundSpace, Choice
from scansearch.strategy.hooks import Hooks
from scansearch.strategy.preset import Preset
from scansearch.strategy.step import Plan
from scansearch.strategy.traits import Traits

if TYPE_CHECKING:
    from scansearch.models import Supernet


class StrategySettings(BaseModel):
    """Base of a strategy's settings: validated, documented by their field descriptions, listed by the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Strategy(Hooks, ABC):
    """A way to search: says which branches of the supernet run, and which directions are kept in the end.

    ``select`` and ``scores`` are all that one must write. A strategy is registered under the entry-point group
    ``scansearch.strategies``. It must draw random numbers from torch's global generator only, or keep its own generator in
    ``state_dict``: a resumed run continues bit for bit.
    """

    description: ClassVar[str] = ""
    when: ClassVar[str] = ""
    """When to use it rather than another, one line."""
    score_name: ClassVar[str] = "score"
    """What ``scores`` are, in a few words, for figures."""
    Settings: ClassVar[type[StrategySettings]] = StrategySettings
    presets: ClassVar[dict[str, Preset]] = {}
    """Published searches by name, for ``--preset``."""

    def __init__(self, settings: StrategySettings) -> None:
        self.settings = settings
        self.supernet: Supernet
        self.space: BoundSpace
        self.plan: Plan

    @property
    def traits(self) -> Traits:
        """What the search must know beforehand; asked before ``setup``, and once more after it."""
        return Traits()

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Called once, when the supernet exists and before the first step or a resume.

        Args:
            supernet: The network to search in.
            space: What each layer chooses from, and what a genotype must satisfy.
            plan: How long the search will be.
        """
        self.supernet, self.space, self.plan = supernet, space, plan

    @abstractmethod
    def select(self, step: int) -> list[Selection]:
        """The selection of every layer for the weights' update number ``step``."""

    @abstractmethod
    def scores(self) -> list[torch.Tensor]:
        """What each layer thinks of its candidates, float64 of shape (N,) each, the larger the better."""

    def choose(self) -> Choice:
        """The candidates each layer keeps: by default the best by ``scores`` that the space allows."""
        return self.space.best(self.scores())

    def derived(self, choice: Choice) -> list[Selection]:
        """The selections under which a chosen sub-network is judged with the supernet's weights.

        By default its branches with equal weights and normalised.
        """
        return [Selection(kept, torch.full((len(kept),), 1.0 / len(kept))) for kept in choice]

    def evaluation(self) -> list[Selection]:
        """The selections under which the supernet's own accuracy is reported."""
        return self.select(0)

    def state_dict(self) -> dict[str, Any]:
        """State that is not in the supernet: optimisers, schedules, populations. Tensors, numbers, lists and dicts."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what ``state_dict`` gave."""
        return
