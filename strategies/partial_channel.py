"""Partial channels (PC-DARTS, Xu et al., arXiv 1907.05737): a part of the channels goes through the mixture.

In each step 1/K of the scanned channels (K = 4), a block drawn anew for every layer, passes through all branches; the others
go around them, gated. A step so costs and stores about 1/K of the mixture. The published form mixes the first channels and
shuffles all of them behind the mixture; here a learned linear map follows, which undoes any fixed shuffle, so that the
block moves instead (the paper's random mask S). It is a slice, and so drawn on the host: no device is waited for. Alpha stands
still for the first 30 % (published: 15 of 50 epochs). Edge normalisation has no counterpart: a layer has one input.
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
from scansearch.strategy.gradient import JOINT, GradientSettings, GradientStrategy, Recipe

if TYPE_CHECKING:
    from scansearch.models import Supernet

PARTIAL = Recipe(6e-4, 1e-3, (0.5, 0.999), 35 * 97)
"""Half of CIFAR-10, batch 256, the last 35 of 50 epochs."""


LEAST_CHANNELS = 2
"""The norm of a single channel is always 0."""


class PartialChannelSettings(GradientSettings):
    """Settings of partial channels."""

    parts: int = Field(4, ge=1, le=1024, description="K: 1/K of the channels go through the mixture.")
    alpha_warmup: float = Field(0.3, ge=0, lt=1, description="Share of the search in which alpha stands still.")


class PartialChannel(GradientStrategy):
    """Softmax over all candidates, on a block of the channels that moves from step to step."""

    description = "softmax over all candidates on 1/K of the channels (PC-DARTS); about 1/K of the memory and time"
    when = "darts runs out of memory or time, on a LocalVim"
    Settings = PartialChannelSettings
    settings: PartialChannelSettings
    recipes: ClassVar[dict[str, Recipe]] = {"joint": JOINT, "bilevel": PARTIAL, "unrolled": PARTIAL}

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Checks that the channels can be divided."""
        from scansearch.models.mixer import ScanMixer, channel_block

        super().setup(supernet, space, plan)
        for mixer in (module for module in supernet.modules() if isinstance(module, ScanMixer)):
            block = channel_block((0, self.settings.parts), mixer.config.inner)
            if block.stop < LEAST_CHANNELS:
                raise ScansearchError(
                    f"parts={self.settings.parts} leaves {block.stop} of {mixer.config.inner} channels for the mixture, of which "
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
