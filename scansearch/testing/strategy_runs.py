"""Tiny searches for the conformance suite of strategies: a strategy registered for a while, a few digits, seconds a search."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typing_extensions import override

from scansearch.registry import DATASETS, STRATEGIES
from scansearch.runs.config import RunConfig
from scansearch.runs.tables import TABLES
from scansearch.searching.configure import make_config
from scansearch.shape import ImageShape
from scansearch.space import SearchSpace
from scansearch.strategy import Strategy
from scansearch.testing.requirement import CapabilityError
from scansearch.testing.sealed import Sealed, SealedDigits
from scansearch.training.events import Progress, Silent

NAME = "conformance"
"""What the strategy and the images are registered as while the suite runs."""
TRAIN = {
    "epochs": 2, "batch_size": 16, "limit": 64, "validation_limit": 64, "checkpoint_steps": 2, "threads": 1,
    "accelerator": "cpu", "patch_size": 2, "depth": 2, "drop_path": 0.1, "scan_backend": "torch", "mixture": "keep",
}  # fmt: skip
"""Of a search of seconds. ``mixture`` is what would be chosen, for which memory would be counted in every search."""
DIGITS = ImageShape(8, 8, channels=1, classes=10)
Moment = tuple[str, int]
"""``("step", n)``, or ``("judged", n)``: after n steps, or n judged genotypes."""


class Watch(Silent):
    """Counts steps and judged genotypes, checks them against what was promised, and acts after one of them.

    Args:
        moment: After which; ``None`` only counts.
        act: What is done then.
    """

    def __init__(self, moment: Moment | None = None, act: Callable[[], object] = lambda: None) -> None:
        self.moment, self.act, self.counts = moment, act, {"step": 0, "judged": 0}

    @override
    def stepped(self, progress: Progress) -> None:
        self._seen("step", progress.step)

    @override
    def judged(self, done: int, most: int, accuracy: float) -> None:
        if done > most:
            raise CapabilityError(
                "Judging", f"finish() judges genotype number {done}, but judgements promises at most {most}"
            )
        self._seen("judged", done)

    @override
    def tuned(self, done: int, most: int) -> None:
        if done > most:
            raise CapabilityError(
                "Judging", f"finish() makes update number {done}, but tunings promises at most {most}"
            )

    def _seen(self, what: str, number: int) -> None:
        self.counts[what] = number
        if (what, number) == self.moment:
            self.act()


@contextmanager
def registered(strategy: type[Strategy]) -> Iterator[Sealed]:
    """Registers a strategy, and the digits without test images, for as long as this lasts; gives the test part."""
    digits = SealedDigits()
    STRATEGIES.register(NAME, strategy)
    DATASETS.register(NAME, digits)
    try:
        yield digits.test
    finally:
        STRATEGIES.unregister(NAME)
        DATASETS.unregister(NAME)


def configured(space: SearchSpace, settings: Mapping[str, Any] | None, **train: Any) -> RunConfig:
    """The settings of a tiny search with the registered strategy.

    Args:
        space: What to search.
        settings: The strategy's own settings.
        **train: Training settings other than the suite's.
    """
    own = {f"strategy.{name}": value for name, value in (settings or {}).items()}
    return make_config(
        space=space, strategy=NAME, model="local_vim_nano", data=NAME, settings={**TRAIN, **train, **own}
    )


def contents(folder: Path) -> dict[str, Any]:
    """What must be the same of the same search: its tables, byte for byte, and its genotype but for the command line."""
    genotype = json.loads((folder / "genotype.json").read_text())
    genotype["search"].pop("command", None)
    return {
        **{table.name: (folder / table.name).read_bytes() for table in TABLES["search"] if table.repeatable},
        "genotype.json": genotype,
    }
