"""Partial channels (PC-DARTS, Xu et al., arXiv 1907.05737): a part of the channels goes through the mixture.

In each step 1/K of the scanned channels (K = 4), a block drawn anew for every layer, passes through all branches; the others
go around them, gated. So the mixture costs and stores about 1/K; what else a step does stays as it is.

The published form mixes the first channels and shuffles all of them behind the mixture; here a learned linear map follows, which
undoes any fixed shuffle, so that the block moves instead (the paper's random mask S). It is a slice, and so drawn on the host: no
device is waited for. Alpha stands still for the first 30 % (published: 15 of 50 epochs). Edge normalisation has no counterpart: a
layer has one input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from typing_extensions import override

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Plan
from scansearch.strategy.gradient import ALPHA_WARMUP, JOINT, GradientSettings, GradientStrategy, Recipe
from scansearch.strategy.preset import (
    CIFAR_AUGMENT,
    CIFAR_NOT_HERE,
    CIFAR_TRAIN,
    IMAGENET_AUGMENT,
    Preset,
)

if TYPE_CHECKING:
    from scansearch.models import Supernet

PARTIAL = Recipe(6e-4, 1e-3, (0.5, 0.999), 35 * 97)
"""Half of CIFAR-10, batch 256, the last 35 of 50 epochs."""


LEAST_CHANNELS = 2
"""The norm of a single channel is always 0."""
PC_DARTS_NOT_HERE = ("edge normalisation", "channel shuffle: the block of channels moves instead")


class PartialChannelSettings(GradientSettings):
    """Settings of partial channels."""

    parts: int = Field(4, ge=1, le=1024, description="K: 1/K of the channels go through the mixture.")
    alpha_warmup: float = Field(0.3, ge=0, lt=1, description=ALPHA_WARMUP)


class PartialChannel(GradientStrategy):
    """Softmax over all candidates, on a block of the channels that moves from step to step."""

    description = "softmax over all candidates on 1/K of the channels (PC-DARTS): a mixture at 1/K of its cost"
    when = "darts runs out of memory or time, on a LocalVim"
    Settings = PartialChannelSettings
    settings: PartialChannelSettings
    recipes: ClassVar[dict[str, Recipe]] = {"joint": JOINT, "bilevel": PARTIAL, "unrolled": PARTIAL}
    presets: ClassVar[dict[str, Preset]] = {
        "pc-darts": Preset(
            source="Xu et al., arXiv 1907.05737, and train_search.py of their code: on CIFAR-10",
            settings={
                "train": {**CIFAR_TRAIN, "epochs": 50, "batch_size": 256, "lr": 0.1, "min_lr": 0.0},
                "augment": CIFAR_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 6e-4, "alpha_weight_decay": 1e-3, "alpha_warmup": 0.3, "held_out": 0.5,
                    "parts": 4,
                },
            },
            not_here=(*PC_DARTS_NOT_HERE, *CIFAR_NOT_HERE),
        ),
        "pc-darts-imagenet": Preset(
            source="the same, and train_search_imagenet.py of their code: on 12.5 % of ImageNet, a fifth of it for alpha",
            settings={
                "train": {
                    **CIFAR_TRAIN, "epochs": 50, "batch_size": 1024, "lr": 0.5, "min_lr": 0.0, "warmup_epochs": 5,
                    "warmup_by": "epoch",
                },
                "augment": IMAGENET_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 6e-3, "alpha_weight_decay": 1e-3, "alpha_warmup": 0.7, "held_out": 0.2,
                    "parts": 2,
                },
            },
            not_here=(
                *PC_DARTS_NOT_HERE, *CIFAR_NOT_HERE[1:], "clipping of alpha's gradient", "a warm-up from a fifth of the rate: from 0 here",
                "the part of the images: set limit",
            ),
        ),
    }  # fmt: skip

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Checks that the channels can be divided."""
        from scansearch.models.mixer import BranchMixer, channel_block

        super().setup(supernet, space, plan)
        for mixer in (module for module in supernet.modules() if isinstance(module, BranchMixer)):
            block = channel_block((0, self.settings.parts), mixer.inner)
            if block.stop < LEAST_CHANNELS:
                raise ScansearchError(
                    f"parts={self.settings.parts} leaves {block.stop} of {mixer.inner} channels for the mixture, of which "
                    f"branches are normalised over at least {LEAST_CHANNELS}; take fewer parts"
                )

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """Every candidate on a block of channels drawn for each layer."""
        blocks = torch.randint(self.settings.parts, (len(alphas),)).tolist()
        return [
            Selection(tuple(range(len(alpha))), alpha.softmax(0), part=(block, self.settings.parts))
            for alpha, block in zip(alphas, blocks, strict=True)
        ]

    @override
    def evaluation(self) -> list[Selection]:
        """Every candidate on the first block: an evaluation must not draw."""
        part = (0, self.settings.parts)
        return [Selection(tuple(range(len(a))), a.detach().softmax(0), part=part) for a in self.alphas()]

    @override
    def derived(self, choice: Choice) -> list[Selection]:
        """As the mixture has them, on the first block: all channels together were never trained."""
        return [selection._replace(part=(0, self.settings.parts)) for selection in super().derived(choice)]
