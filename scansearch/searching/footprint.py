"""What a step of a search holds in memory, counted on steps of a few images, from which those of any batch follow.

The operations of a step are the same for every batch, and what lives after each of them grows linearly with it. So two small
batches give it for all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import torch

from scansearch.machine.live_memory import LiveMemory, MemoryLimitError
from scansearch.models import ModelSpec, Selection
from scansearch.registry import STRATEGIES
from scansearch.runs.config import RunConfig, validated
from scansearch.runs.folder import RunFolder
from scansearch.searching.loop import SearchLoop
from scansearch.searching.search_parts import Parts, make_loop
from scansearch.training.events import Silent
from scansearch.training.feed import Feed
from scansearch.training.processes import Processes

SMALL = (2, 4)
"""Images of a process in the steps that are counted."""
CUT_OFF = 1.2
"""What a step that filled the memory before its end is taken to need, as a share of that: surely too much, whatever an estimate errs."""


class Counted(NamedTuple):
    """Bytes that live after each operation of a step.

    Args:
        images: Images in it, of one process.
        live: The bytes.
    """

    images: int
    live: Sequence[int]

    def at_most(self, images: int) -> int:
        """No less than the peak with so many images, as far as there are not fewer than here."""
        return max(max(self.live), max(self.live) * images // self.images)


class Footprint(NamedTuple):
    """What a process holds at the peak of a step: parameters, gradients, optimiser, and what is kept for the backward pass.

    Args:
        less: Of a small batch.
        more: Of a larger one.
    """

    less: Counted
    more: Counted

    def bytes_at(self, images: int) -> int:
        """The peak with so many images a process."""
        (few, low), (many, high) = self
        if few == many:
            return self.more.at_most(images)
        if len(low) != len(high):  # draws that run a varying number of branches
            low, high = [max(low)], [max(high)]
        further = (images - few) / (many - few)
        return round(max(a + (b - a) * further for a, b in zip(low, high, strict=True)))


def whole_mixture(parts: Parts, spec: ModelSpec, most: float = math.inf) -> Counted:
    """The same, of one pass forward and backward through the mixture of all candidates.

    Neither the strategy nor the processes take part. It ends where more than ``most`` bytes live.
    """
    images, shape, device = SMALL[0], parts.data.shape, parts.fabric.device
    with suppress(MemoryLimitError), LiveMemory(most) as memory:
        supernet = replace(parts, spec=spec).supernet().to(device)
        weights = [alpha.flatten().softmax(0) for alpha in supernet.architecture_parameters()]
        selections = [Selection(tuple(range(len(shares))), shares) for shares in weights]
        supernet(torch.zeros(images, shape.channels, *shape.size, device=device), selections).sum().backward()
    return Counted(images, memory.bytes)


def footprint(parts: Parts, config: RunConfig, spec: ModelSpec, most: float = math.inf) -> Footprint:
    """Counts the memory of a search's last step, in which all that learns does. All of its processes must call it.

    Args:
        parts: What the search is made of. It is left as it is, and nothing is written.
        config: Its settings.
        spec: The model, which may run its directions in another way.
        most: Bytes that there is room for: not even a small step may need more, or it is cut off, and counts as too large.
    """
    kind, alone, counts = STRATEGIES.get(config.strategy.name), config.alone(), list[Counted]()
    strategy = kind(validated(kind.Settings, alone.strategy.settings, "strategy"))
    with suppress(MemoryLimitError), LiveMemory(most) as memory:
        loop = make_loop(replace(parts, spec=spec, strategy=strategy), alone, RunFolder("."), Silent())
        for images in (SMALL[0], *SMALL):  # the first step leaves behind what an optimiser remembers
            loop.feed = small_feed(loop, config, images)
            loop.step, before = loop.plan.steps - 1, len(memory.bytes)
            loop.advance()
            counts.append(Counted(loop.feed.batches.size // loop.processes.size, memory.bytes[before:]))
    steps = counts[1:] or [Counted(SMALL[0], [round(CUT_OFF * max(memory.bytes))])]
    exchanged = _exchanged(parts, config)
    low, high = (Counted(step.images, [exchanged + size for size in step.live]) for step in (steps[0], steps[-1]))
    return Footprint(low, high)


def _exchanged(parts: Parts, config: RunConfig) -> int:
    """Bytes of the copy of all gradients that each of several processes keeps for their exchange, where one counts for them."""
    if config.machine.devices <= Processes(parts.fabric).size:
        return 0
    with torch.device("meta"):
        return sum(p.numel() * p.element_size() for p in parts.supernet().parameters())


def small_feed(loop: SearchLoop, config: RunConfig, images: int) -> Feed:
    """Batches of the same search with so many images a process."""
    share, size = loop.strategy.traits.held_out_share, images * loop.processes.size
    return Feed(loop.data, config.augment, size, config.seed, loop.fabric, share)
