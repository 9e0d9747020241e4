"""Progressive shrinking (P-DARTS, Chen et al., arXiv 1904.12760, section 3.2): candidates drop out stage by stage.

The search has equal stages, three as published. After each the weakest candidates of every layer drop out, so that the number
falls linearly from N to what is kept: 8, 6, 5, then 4 (published, for one of 8: 8, 5, 3, 1). In the first part of each stage alpha
stands still (10 of 25 epochs). With ``fresh``, as published, a stage begins with new weights, a new alpha, new optimisers and a
new schedule; short searches suffer from that, so that it must be asked for. P-DARTS also deepens its network from stage to stage and
drops skip connections out, of which there are none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.runs.limits import MOST_EPOCHS
from scansearch.runs.restore import whole
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Plan, Step, Traits
from scansearch.strategy.gradient import JOINT, BilevelSettings, GradientStrategy, Recipe
from scansearch.strategy.judged_genotypes import choice_of
from scansearch.strategy.preset import CIFAR_AUGMENT, CIFAR_NOT_HERE, CIFAR_TRAIN, Preset

if TYPE_CHECKING:
    from scansearch.models import Supernet


P_DARTS = Recipe(6e-4, 1e-3, (0.5, 0.999), 3 * 15 * 260)
"""Half of CIFAR-10, batch 96, the last 15 of 25 epochs of each of three stages."""


LEAST_FRESH = 4
"""Epochs of a stage that begins anew. On planted problems of 16 updates an epoch, three stages of 4 found the best genotype in 27 of
30 searches, stages of 2 in 7; where weights and alpha went on, in 30 and 23."""


class ProgressiveSettings(BilevelSettings):
    """Settings of progressive shrinking; the defaults are the published ones, but for ``fresh``."""

    stages: int = Field(
        3, ge=1, le=MOST_EPOCHS, description="Stages of the search; after each but the last, the weakest drop out."
    )
    fresh: bool = Field(
        False,
        description="Whether each stage begins with new weights, a new alpha, new optimisers and a new schedule (published: true); for "
        "long searches.",
    )
    still: float = Field(0.4, ge=0, lt=1, description="Share of each stage in which alpha stands still.")


class Progressive(GradientStrategy):
    """Softmax over fewer and fewer candidates."""

    description = (
        "softmax over candidates that drop out stage by stage, 8 -> 6 -> 5 -> 4 (P-DARTS); cheaper towards the end"
    )
    when = "darts with its margins too thin: the late stages decide among few"
    Settings = ProgressiveSettings
    settings: ProgressiveSettings
    recipes: ClassVar[dict[str, Recipe]] = {"joint": JOINT, "bilevel": P_DARTS, "unrolled": P_DARTS}
    standstill: ClassVar[str] = "alpha_warmup, or still,"
    presets: ClassVar[dict[str, Preset]] = {
        "p-darts": Preset(
            source="Chen et al., arXiv 1904.12760, and train_search.py of their code: on CIFAR-10",
            settings={
                "train": {**CIFAR_TRAIN, "epochs": 75, "batch_size": 96, "min_lr": 0.0},
                "augment": CIFAR_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 6e-4, "alpha_weight_decay": 1e-3, "held_out": 0.5, "stages": 3, "still": 0.4,
                    "fresh": True,
                },
            },
            not_here=(
                "a network that is deeper in each stage", "dropout of skip connections, and a limit of their number",
                "clipping of alpha's gradient", *CIFAR_NOT_HERE,
            ),
        ),
    }  # fmt: skip

    @property
    @override
    def traits(self) -> Traits:
        """Whether it begins anew with each stage is known from ``setup`` on."""
        found = super().traits
        if not self.settings.fresh or not hasattr(self, "plan"):
            return found
        return found._replace(restarts=tuple(self._begin(stage) for stage in range(1, self.stages)))

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        self.left = [list(range(len(layer.candidates))) for layer in space]
        self.stage = 0
        super().setup(supernet, space, plan)
        if self.settings.curvature == "stop":
            raise ScansearchError(
                "curvature=stop goes back to an earlier alpha, but progressive has dropped candidates since; take "
                "curvature=measure, or darts"
            )

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """The candidates that are left, weighted by their softmax."""
        return [Selection(tuple(left), alpha[left].softmax(0)) for alpha, left in zip(alphas, self.left, strict=True)]

    @property
    def stages(self) -> int:
        """Stages of this search: no more than it has epochs."""
        return min(self.settings.stages, self.plan.epochs)

    def _begin(self, stage: int) -> int:
        """The first epoch of a stage, from 0."""
        return stage * self.plan.epochs // self.stages

    @override
    def notes(self) -> list[str]:
        wanted = self.settings.stages
        few = [f"{self.plan.epochs} epochs hold no {wanted} stages: the search has {self.stages}"] * (
            self.stages < wanted
        )
        epochs = self.plan.epochs // self.stages
        anew = bool(self.traits.restarts) and epochs < LEAST_FRESH
        short = [f"weights begin anew every {epochs} epochs, which is short: --set fresh=false lets them go on"] * anew
        return super().notes() + few + short

    @override
    def moves(self, step: int) -> bool:
        """Alpha stands still at the beginning of each stage."""
        size, epoch = self.plan.steps_per_epoch, step // self.plan.steps_per_epoch
        stage = max(n for n in range(self.stages) if self._begin(n) <= epoch)
        begin, end = self._begin(stage) * size, self._begin(stage + 1) * size
        return super().moves(step) and step - begin >= self.settings.still * (end - begin)

    @override
    def before_weights(self, step: Step) -> None:
        """A new alpha has a new optimiser."""
        epoch, done = divmod(step.number, self.plan.steps_per_epoch)
        if not done and epoch in self.traits.restarts:
            self.optimizer.state.clear()
        super().before_weights(step)

    @override
    def after_epoch(self, step: Step) -> None:
        """At the end of a stage the weakest drop out."""
        super().after_epoch(step)
        epochs = (step.number + 1) // self.plan.steps_per_epoch
        if self.stage + 1 < self.stages and epochs >= self._begin(self.stage + 1):
            self.stage += 1
            self._shrink()

    def _shrink(self) -> None:
        """Keeps the strongest of each layer; those of the best genotype that the space allows always stay."""
        scores, best = self.scores(), self.by_score()
        for number, (layer, kept) in enumerate(zip(self.space, best, strict=True)):
            total, least = len(layer.candidates), max(layer.most, len(kept))
            size = total + (total - least) * self.stage // -self.stages  # what drops out is rounded up
            others = [i for i in self.left[number] if i not in kept]
            others.sort(key=lambda i: -float(scores[number][i]))
            self.left[number] = sorted([*kept, *others[: size - len(kept)]])

    @override
    def relaxed(self, alphas: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The probabilities of the candidates that are left; 0 for the others."""
        found = []
        for alpha, left in zip(alphas, self.left, strict=True):
            score = torch.zeros_like(alpha)
            score[left] = alpha[left].softmax(0)
            found.append(score)
        return found

    @property
    @override
    def threshold(self) -> list[float]:
        """The mean score of what is left."""
        return [1 / len(left) for left in self.left]

    @override
    def remaining(self) -> Choice:
        return self.narrowed or tuple(map(tuple, self.left))

    @override
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "left": self.left, "stage": self.stage}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes it back.

        Raises:
            ValueError: If too few candidates are left, or none of these.
        """
        super().load_state_dict(state)
        self.stage = whole(state["stage"], 0, self.stages - 1, "the stage")
        left = choice_of(tuple(map(tuple, state["left"])), self.space, "what is left", allowed=False)
        if short := [
            i for i, (kept, layer) in enumerate(zip(left, self.space, strict=True)) if len(kept) < layer.least
        ]:
            raise ValueError(f"layer {short[0]} has fewer candidates left than it keeps")
        self.left = [list(kept) for kept in left]
