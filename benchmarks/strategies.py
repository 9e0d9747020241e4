"""What an update costs under each strategy: time and peak memory, against darts on the same supernet.

The updates are those of a real, short search of two epochs, timed from one ``stepped`` of its listener to the next: batches,
augmentation, alpha and clipping are in them, logs and checkpoints are not.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.comparison import Comparison
from benchmarks.search import search
from benchmarks.supernet_step import BATCH
from scansearch.registry import STRATEGIES
from scansearch.training.events import Progress, Silent

CASES = (
    "darts",
    "darts bilevel",
    "single_path",
    "fair_path",
    "gumbel",
    "binary_gates",
    "partial_channel",
    "progressive",
    "sigmoid",
    "darts sandwich",
    "single_path sandwich",
)
"""Strategies with different updates; a second word is the level, or the sandwich rule as published. The black-box ones train like
single_path."""
UPDATES = 5
"""Updates in a sample: binary_gates moves alpha in every fifth."""
STEPS = UPDATES + 1
"""Steps of an epoch. Those of the second count, but for its first, which begins with logs and a checkpoint."""
SETTINGS: dict[str, dict[str, Any]] = {
    # Joint as darts, to compare what a step costs. In the second of two epochs alpha moves under every strategy, and progressive has
    # dropped two of eight candidates.
    "progressive": {"level": "joint", "stages": 2, "still": 0},
    "sigmoid": {"level": "joint"},
    # As few judgements after training as there can be: they are no updates.
    "single_path": {"population": 2, "generations": 0},
    "fair_path": {"population": 2, "generations": 0},
}
"""What differs from the strategies' own settings."""
SANDWICH = 2
"""Random sub-networks a step, as published."""
TINY: dict[str, Any] = {"model": "local_vim_nano", "depth": 1, "patch_size": 2, "mixture": "keep"}
CLASSES = 10


class Clock(Silent):
    """Notes when each step was done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def stepped(self, progress: Progress) -> None:
        """Notes the time."""
        self.times.append(perf_counter())

    @property
    def updates(self) -> list[float]:
        """Milliseconds of the last ``UPDATES`` updates."""
        return [1e3 * (after - before) for before, after in pairwise(self.times[-STEPS:])]


def updates(case: str, batch: int, *, tiny: bool = False, **machine: Any) -> list[float]:
    """Milliseconds of the updates of a search; of those of alpha too, where it moves. ``machine``: settings of this section."""
    name, _, more = case.partition(" ")
    chosen = {"sandwich": SANDWICH} if more == "sandwich" else {"level": more} if more else {}
    kind, settings = STRATEGIES.get(name), {**SETTINGS.get(name, {}), **chosen}
    images = round(STEPS * batch / (1 - kind(kind.Settings(**settings)).traits.held_out_share))
    own = {f"strategy.{key}": value for key, value in settings.items()}
    model, clock = TINY if tiny else {"model": "local_vim_micro"}, Clock()
    search(
        strategy=name, data="digits", listener=clock, epochs=2, batch_size=batch, limit=max(images, CLASSES),
        validation_limit=max(batch, CLASSES), checkpoint_steps=100_000, **model, **own, **machine,
    )  # fmt: skip
    return clock.updates


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """Milliseconds of an update: in every round all strategies search in turn."""
    batch = 2 if tiny else BATCH
    samples: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in track(range(repeats), "searching", console=Console(stderr=True), transient=True):
        for case in CASES:
            samples[case].append(fmean(updates(case, batch, tiny=tiny)))
    return [Comparison("strategies", "tiny" if tiny else "full", title(batch), "ms", samples, {})]


def title(batch: int) -> str:
    """What is measured."""
    return f"strategies: one update of the default supernet, 8 directions, keep 4, batch {batch}"
