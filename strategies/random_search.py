"""Random search with weight sharing (RandomNAS, Li & Talwalkar, arXiv 1902.07638): the baseline that others must beat.

The supernet is trained by drawn genotypes. Then many are drawn, each judged on a few validation images, and the best
of those on all of them (published: 1,000 on ten batches of 64, then 10). Networks trained from scratch are all judged in full.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from scansearch.runs.limits import MOST_IMAGES, MOST_JUDGED
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Judge, Plan
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings
from scansearch.strategy.preset import CIFAR_AUGMENT, CIFAR_NOT_HERE, CIFAR_TRAIN, Preset

if TYPE_CHECKING:
    import torch

    from scansearch.models import Supernet


class RandomSearchSettings(BlackBoxSettings):
    """Settings of random search."""

    samples: int = Field(100, ge=1, le=MOST_JUDGED, description="Genotypes drawn (published: 1000).")
    images: int = Field(
        64, ge=0, le=MOST_IMAGES, description="Validation images that the first round takes; 0: all, in one round."
    )
    finalists: int = Field(
        10, ge=1, le=MOST_JUDGED, description="Genotypes of the second round, on all validation images."
    )


class RandomSearch(BlackBox):
    """Judges random genotypes and keeps the best."""

    description = "judges random genotypes and keeps the best: the baseline that every search must beat (RandomNAS)"
    when = "you want to know what the others are worth"
    Settings = RandomSearchSettings
    settings: RandomSearchSettings
    presets: ClassVar[dict[str, Preset]] = {
        "random-nas": Preset(
            source="Li & Talwalkar, arXiv 1902.07638, and their code: on CIFAR-10, judged by ten batches of 64 first",
            settings={
                "train": {**CIFAR_TRAIN, "epochs": 100, "batch_size": 64},
                "augment": CIFAR_AUGMENT,
                "strategy": {"samples": 1000, "images": 640, "finalists": 10},
            },
            not_here=(
                "several such rounds, one every 10,000 updates", "half of the training images as those of validation",
                "epochs and clipping, which the paper varies: its code's epochs, DARTS' clipping", *CIFAR_NOT_HERE,
            ),
        ),
    }  # fmt: skip

    @property
    def _two_rounds(self) -> bool:
        return self.settings.judge == "supernet" and self.settings.images > 0

    @property
    @override
    def judgements(self) -> int:
        return self.settings.samples + (self.settings.finalists if self._two_rounds else 0)

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.quick: dict[Choice, float] = {}

    @override
    def state_dict(self) -> dict[str, Any]:
        """Also the accuracies of the first round."""
        return {**super().state_dict(), "quick": self.memory.state(self.quick)}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.quick = self.memory.restored(state["quick"], "the first round")

    @override
    def finish(self, evaluate: Judge) -> None:
        """The first round is judged by a few validation images."""

        def quickly(choice: Choice) -> float:
            return evaluate.on(self.settings.images, self.derived(choice))

        self._ask_quickly = Ask(quickly, self.quick, self.space.size)
        super().finish(evaluate)

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        first = self._ask_quickly if self._two_rounds else ask
        first.new(partial(self.draw, random), self.settings.samples)
        if self._two_rounds:
            for choice in first.best(self.settings.finalists):
                ask(choice)
        return ask.best(1)[0]
