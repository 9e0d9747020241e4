"""Sigmoid relaxation (FairDARTS, Chu et al., arXiv 1911.12126): every direction has a gate of its own.

The weight of a branch is sigmoid(alpha), from 1/2 on, so that directions do not compete; the zero-one loss -w * mean((sigmoid(alpha) -
0.5)^2) with w = 10 drives each gate to a decision (eqs. 6 and 9). A direction is kept if its gate is above 0.85, within what the
space allows: give a space with ``keep = [least, most]`` to let each layer decide how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Plan
from scansearch.strategy.gradient import BilevelSettings, GradientStrategy, Recipe
from scansearch.strategy.preset import CIFAR_AUGMENT, CIFAR_NOT_HERE, CIFAR_TRAIN, Preset

if TYPE_CHECKING:
    from scansearch.models import Supernet

FAIR = Recipe(3e-3, 1e-3, (0.9, 0.999), 50 * 195)
"""Half of CIFAR-10, batch 128."""


class SigmoidSettings(BilevelSettings):
    """Settings of the sigmoid relaxation; the defaults are the published ones."""

    zero_one: float = Field(10.0, ge=0, le=1000, description="Weight of the zero-one loss that makes gates decide.")
    threshold: float = Field(
        0.85, gt=0, lt=1, description="Gate above which a direction is kept beyond the least number."
    )


class Sigmoid(GradientStrategy):
    """A gate for each direction; lets layers keep different numbers."""

    description = "a sigmoid gate for each candidate, no competition (FairDARTS); for keep = [least, most]"
    when = "layers may keep different numbers of directions"
    score_name = "gate"
    Settings = SigmoidSettings
    settings: SigmoidSettings
    sums_to_one: ClassVar[bool] = False
    recipes: ClassVar[dict[str, Recipe]] = {"joint": FAIR, "bilevel": FAIR, "unrolled": FAIR}
    presets: ClassVar[dict[str, Preset]] = {
        "fairdarts": Preset(
            source="Chu et al., arXiv 1911.12126, and fairdarts/train_search.py of their code: on CIFAR-10",
            settings={
                "train": {**CIFAR_TRAIN, "epochs": 50, "batch_size": 128, "lr": 0.005},
                "augment": CIFAR_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 3e-3, "alpha_weight_decay": 1e-3, "held_out": 0.5, "zero_one": 10.0,
                    "threshold": 0.85,
                },
            },
            not_here=("at most two inputs of a node: set keep", *CIFAR_NOT_HERE),
        ),
    }  # fmt: skip

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Every gate begins half open."""
        super().setup(supernet, space, plan)
        with torch.no_grad():
            for alpha in supernet.architecture_parameters():
                alpha.zero_()

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """Every candidate, weighted by its gate."""
        return [Selection(tuple(range(len(alpha))), alpha.sigmoid()) for alpha in alphas]

    @override
    def relaxed(self, alphas: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The gates, each in [0, 1]; they do not add up to 1."""
        return [alpha.sigmoid() for alpha in alphas]

    @override
    def derived(self, choice: Choice) -> list[Selection]:
        """The gates that are kept, as they are: closing the others does not open them further."""
        return [Selection(kept, gates) for kept, gates in zip(choice, self.kept_scores(choice), strict=True)]

    @override
    def penalty(self, alphas: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """The zero-one loss, averaged over all gates."""
        if not self.settings.zero_one:
            return None
        return -self.settings.zero_one * (torch.cat(list(alphas)).sigmoid() - 0.5).square().mean()

    @property
    @override
    def threshold(self) -> float:
        return self.settings.threshold
