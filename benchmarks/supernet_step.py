"""A whole training step of a supernet: ours, and the same network looping over its directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.comparison import Comparison
from benchmarks.looped import looped
from benchmarks.peers import absent_peers, available_peers
from benchmarks.timing import interleaved
from scansearch.errors import ScansearchError
from scansearch.models import Selection, Supernet
from scansearch.registry import MODELS, SEARCH_SPACES
from scansearch.shape import ImageShape

SHAPE, BATCH = ImageShape(8, 8, channels=1, classes=10), 64
LOOPED_SCANS = ("time-major", "mambapy")
TOLERANCE = 1e-3
"""Largest difference of the logits that passes for the same network."""


def supernet(model: str) -> Supernet:
    """A supernet of a preset over the eight directions of default8, on digits-sized images."""
    torch.manual_seed(0)
    spec = MODELS.get(f"local_vim_{model}")
    candidates = [SEARCH_SPACES.get("default8").candidates] * len(spec.layers(SHAPE))
    made: Supernet = spec.supernet(candidates, SHAPE)
    return made


def selections(network: Supernet) -> list[Selection]:
    """All directions of every layer, weighted by the softmax of alpha."""
    alphas = network.architecture_parameters()
    return [Selection(tuple(range(len(alpha))), alpha.flatten().softmax(0)) for alpha in alphas]


def images(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random images (B, 1, 8, 8) and labels (B,)."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(batch, SHAPE.channels, *SHAPE.size, generator=generator)
    return pixels, torch.randint(SHAPE.classes, (batch,), generator=generator)


def step(network: Supernet, batch: int) -> Callable[[], object]:
    """A function that runs forward and backward once, with the gradients of all weights and alphas."""
    pixels, labels = images(batch)

    def run_once() -> torch.Tensor:
        network.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(pixels, selections(network)), labels)
        loss.backward()
        return loss

    return run_once


def contestants(model: str) -> dict[str, Supernet]:
    """Ours, and its looped copies with the scans that run here."""
    ours = supernet(model)
    scans = {name: scan for name, scan in available_peers().items() if name in LOOPED_SCANS}
    grids = [info.grid for info in MODELS.get(f"local_vim_{model}").layers(SHAPE)]
    return {"ours": ours, **{f"looped {name}": looped(ours, scan, grids) for name, scan in scans.items()}}


def check_same(networks: dict[str, Supernet]) -> None:
    """Checks that all networks give the logits of the first.

    Raises:
        ScansearchError: Naming the one that does not.
    """
    pixels, _ = images(8)
    with torch.no_grad():
        logits = {name: network(pixels, selections(network)) for name, network in networks.items()}
    expected = next(iter(logits.values()))
    for name, got in logits.items():
        difference = (got - expected).abs().max().item()
        if not difference <= TOLERANCE:
            raise ScansearchError(
                f"the networks compared must compute the same, but the logits of {name} differ by {difference:.2g}; "
                f"bring benchmarks/looped.py in line with the mixer"
            )


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """One comparison of whole steps, in milliseconds."""
    model, batch = ("nano", 2) if tiny else ("micro", BATCH)
    networks = contestants(model)
    check_same(networks)
    options: Any = networks["ours"].options
    title = (
        f"step {model}: supernet step, forward + backward, d_model {options.embed_dim}, {options.depth} layers, 8 directions, "
        f"batch {batch}, 8 x 8 tokens"
    )
    samples = interleaved({name: step(network, batch) for name, network in networks.items()}, repeats)
    absent = {f"looped {name}": reason for name, reason in absent_peers().items() if name in LOOPED_SCANS}
    return [Comparison("step", model, title, "ms", samples, absent)]
