"""What a step of the strategies that draw subsets asks of their distribution: draws, and the covariance of the gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.comparison import Comparison
from benchmarks.timing import interleaved
from scansearch.strategy.gradient.subsets import Subsets

LAYERS = (1, 4, 20)
"""As many layers are computed together."""
LIMIT = 1_000
"""Microseconds that a layer may take at most, however many candidates and layers there are."""


@dataclass(frozen=True)
class PerLayer(Comparison):
    """Microseconds a layer; promises that none takes longer than ``LIMIT``."""

    def missed(self) -> list[str]:
        """One line for each median above the limit."""
        medians = {name: median(values) for name, values in self.samples.items()}
        return [
            f"subsets {self.case}: {name} must take at most {LIMIT:,} us a layer, but takes {value:,.0f}"
            for name, value in medians.items()
            if value > LIMIT
        ]


def asked(layers: int, candidates: int, count: int) -> dict[str, Callable[[], object]]:
    """Functions that each begin with alpha, as a step does."""
    alpha = torch.randn(layers, candidates, generator=torch.Generator().manual_seed(0))
    return {
        f"draw, {layers} layers": lambda: Subsets(alpha, count).draw(),
        f"covariance, {layers} layers": lambda: Subsets(alpha, count).covariance,
    }


def run(repeats: int, *, tiny: bool = False) -> list[PerLayer]:
    """Microseconds a layer, for the widest space and for the default one."""
    found = []
    for candidates, count in ((8, 4),) if tiny else ((128, 4), (8, 4)):
        functions = {name: call for layers in LAYERS for name, call in asked(layers, candidates, count).items()}
        samples = interleaved(functions, 20 * repeats)
        layers = {name: int(name.split()[1]) for name in functions}
        found.append(
            PerLayer(
                "subsets",
                f"{count} of {candidates}",
                f"subsets: {count} of {candidates}, a layer of several that are computed together",
                "us",
                {name: [1e3 * value / layers[name] for value in values] for name, values in samples.items()},
                {},
            )
        )
    return found
