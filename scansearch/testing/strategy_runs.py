"""Tiny searches for the conformance suite of strategies: a strategy registered for a while, a few digits, seconds a search."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import torch

from scansearch.data import ImageData
from scansearch.errors import ScansearchError
from scansearch.registry import DATASETS, STRATEGIES
from scansearch.runs.config import RunConfig
from scansearch.runs.tables import TABLES
from scansearch.searching.configure import make_config
from scansearch.shape import ImageShape
from scansearch.space import SearchSpace
from scansearch.strategy.base import Strategy
from scansearch.testing.requirement import require
from scansearch.training.events import Progress, Silent

NAME = "conformance"
"""What the strategy and the images are registered as while the suite runs."""
TRAIN = {
    "epochs": 2, "batch_size": 16, "limit": 96, "checkpoint_steps": 2, "threads": 1, "accelerator": "cpu",
    "patch_size": 2, "depth": 2, "drop_path": 0.1, "scan_backend": "torch",
}  # fmt: skip
VALIDATION = 32
DIGITS = ImageShape(8, 8, channels=1, classes=10)
Moment = tuple[str, int]
"""``("step", n)``, or ``("judged", n)``: after n steps, or n judged genotypes."""


class Sealed:
    """In place of the test images: every use is noted, and fails."""

    def __init__(self) -> None:
        self.uses: list[str] = []

    def __getattr__(self, name: str) -> NoReturn:
        self.uses.append(name)
        raise AssertionError("reads the test images; a search must not see them")

    def __len__(self) -> int:
        self.__getattr__("len")


class SealedDigits:
    """A few digits whose test part fails when it is used."""

    def __init__(self) -> None:
        self.augment, self.test = DATASETS.get("digits").augment, Sealed()
        self._read = cache(DATASETS.get("digits").load)

    def load(self, root: str | None = None, *, progress: object = None, **options: Any) -> ImageData:
        """The digits, with a small validation part; no file is checked, so there is no progress to tell."""
        data: ImageData = self._read(root, **options)
        test: Any = self.test
        return replace(data, validation=data.validation.subset(torch.arange(VALIDATION)), test=test)


class Watch(Silent):
    """Counts steps and judged genotypes, and acts after one of them.

    Args:
        moment: After which; ``None`` only counts.
        act: What is done then.
    """

    def __init__(self, moment: Moment | None = None, act: Callable[[], object] = lambda: None) -> None:
        self.moment, self.act, self.counts = moment, act, {"step": 0, "judged": 0}

    def stepped(self, progress: Progress) -> None:
        """Counts."""
        self._seen("step", progress.step)

    def judged(self, done: int, most: int, accuracy: float) -> None:
        """Counts, and checks what the progress bar is told."""
        require(done <= most, f"finish() judges genotype number {done}, but judgements promises at most {most}")
        self._seen("judged", done)

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


@contextmanager
def happening(what: str) -> Iterator[None]:
    """Whatever fails within becomes an ``AssertionError`` of one line that says where."""
    try:
        yield
    except Exception as error:  # the strategy is somebody else's code: anything can happen
        raise AssertionError(f"{what}: {in_one_line(error)}") from error


def in_one_line(error: Exception) -> str:
    """What an error says first; its kind, too, unless it is one that says enough."""
    kind = "" if isinstance(error, (AssertionError, ScansearchError)) else f"{type(error).__name__}: "
    return f"{kind}{(str(error).splitlines() or [''])[0]}"


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
