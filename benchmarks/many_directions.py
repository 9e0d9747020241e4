"""A layer with many candidate directions: kept whole, streamed in chunks, and in a loop with and without checkpointing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from benchmarks.comparison import Comparison
from benchmarks.looped import LoopedMixer
from benchmarks.peers import time_major
from benchmarks.timing import interleaved
from scansearch.models import Selection
from scansearch.models.mixer import ScanMixer
from scansearch.models.mixer_options import MixerOptions
from scansearch.registry import SEARCH_SPACES

GRID, WIDTH, BATCH = (8, 8), 32, 64
COUNTS = (8, 32, 128)
NAMES = ("recomputed, chunks of 8", "kept", "loop, checkpointed", "loop")
ROUNDS = 3
"""At most so many: the loops take their time."""


class CheckpointedMixer(LoopedMixer):
    """The loop with PyTorch's checkpointing around every direction, as one writes it when memory runs out."""

    def _branch(self, *tensors: torch.Tensor) -> torch.Tensor:
        branch: torch.Tensor = checkpoint(super()._branch, *tensors, use_reentrant=False)
        return branch


def layer(name: str, count: int) -> nn.Module:
    """The layer of ``NAMES`` with the first ``count`` directions of wide128."""
    torch.manual_seed(0)
    directions = SEARCH_SPACES.get("wide128").candidates[:count]
    options = MixerOptions(embed_dim=WIDTH, depth=6, attention="channel_spatial", mixture="recompute")
    if name == "kept":
        options = options.changed(mixture="keep")
    mixer = ScanMixer(options, directions, GRID, searchable=True)
    if name in NAMES[:2]:
        return mixer
    return (LoopedMixer if name == "loop" else CheckpointedMixer)(mixer, directions, GRID, time_major)


def step(name: str, count: int, batch: int) -> Callable[[], object]:
    """A function that runs the layer forward and backward once."""
    network = layer(name, count)
    hidden = torch.randn(batch, GRID[0] * GRID[1], WIDTH, generator=torch.Generator().manual_seed(0))

    def run_once() -> torch.Tensor:
        network.zero_grad(set_to_none=True)
        weights = network.alpha.flatten().softmax(0)  # type: ignore[operator]
        result: torch.Tensor = network(hidden.requires_grad_(), Selection(tuple(range(count)), weights))
        result.square().mean().backward()
        return result

    return run_once


def title(count: int, batch: int) -> str:
    """What is measured."""
    return f"one layer of {count} directions, forward + backward, d_model {WIDTH}, batch {batch}, 8 x 8 tokens"


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """Times of a layer for each number of directions, in milliseconds."""
    found = []
    for count in COUNTS[:1] if tiny else COUNTS:
        batch = 2 if tiny else BATCH
        functions = {name: step(name, count, batch) for name in NAMES}
        samples = interleaved(functions, min(repeats, ROUNDS))
        found.append(Comparison("many", str(count), f"many {count}: {title(count, batch)}", "ms", samples, {}))
    return found
