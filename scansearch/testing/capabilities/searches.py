"""The searches of one strategy that its capabilities show in; each is made when it is asked for first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scansearch.cost import costs_of
from scansearch.genotype import Genotype
from scansearch.models import bind_to
from scansearch.runs.config import RunConfig
from scansearch.searching.assemble import resume, start
from scansearch.searching.configure import model_of
from scansearch.space import Budget, SearchSpace
from scansearch.strategy import Strategy
from scansearch.testing.observed_strategy import observed
from scansearch.testing.requirement import CapabilityError, happening, in_one_line, require
from scansearch.testing.strategy_processes import Child, import_path, run_together
from scansearch.testing.strategy_runs import DIGITS, Moment, Watch, configured, contents, registered

FOUR = ("h", "h_flip", "v", "w2")
SPACES = {
    "keep=2 of 4": SearchSpace(name="two", candidates=FOUR, keep=2),
    "keep=1": SearchSpace(name="one", candidates=FOUR, keep=1),
    "keep=N": SearchSpace(name="all", candidates=FOUR, keep=4),
    "one candidate": SearchSpace(name="single", candidates=("h",), keep=1),
    "keep=[1, 3]": SearchSpace(name="variable", candidates=FOUR, keep=(1, 3)),
    "a constraint": SearchSpace(
        name="pairs", candidates=(*FOUR, "v_flip"), keep=2, constraints=[{"kind": "flip_pairs", "least": 1}]
    ),
    "layers of their own": SearchSpace(
        name="layers", candidates=FOUR, keep=2, layers={1: {"candidates": ["v", "h_flip", "w2"], "keep": 1}}
    ),
    "a budget": SearchSpace(  # for three directions in the suite's two layers
        name="afford", candidates=FOUR, keep=(1, 3), budget=Budget(limit=220_000, formula="vmamba")
    ),
}
PLAIN = SPACES["keep=2 of 4"]
SHORT: dict[str, Any] = {"epochs": 1, "limit": 32, "checkpoint_steps": 50}


class Killed(BaseException):
    """What is raised in place of a kill."""


class Searches:
    """Searches of a strategy.

    Args:
        strategy: The strategy.
        settings: Its settings.
        folder: Where the runs are written; by default a temporary folder.
    """

    def __init__(self, strategy: type[Strategy], settings: Mapping[str, Any], folder: Path | None) -> None:
        self.strategy, self.settings, self._stack = strategy, settings, ExitStack()
        self.folder = folder or Path(self._stack.enter_context(TemporaryDirectory()))

    def close(self) -> None:
        """Ends processes that are still at work, and deletes a temporary folder."""
        self._stack.close()

    def require(self, capability: str) -> None:
        """Fails if the searches in all spaces, under observation, stumbled over a lack of this capability."""
        if self._lack is not None and self._lack.capability == capability:
            raise AssertionError(f"{capability}: {self._lack}") from self._lack

    @cached_property
    def _lack(self) -> CapabilityError | None:
        """What is missing first."""
        with registered(observed(self.strategy)) as test_images:
            for name, space in SPACES.items():
                try:
                    _check_genotype(configured(space, self.settings, **SHORT), self.folder / f"space-{space.name}")
                    test_images.check_unused()
                except Exception as error:  # the strategy is somebody else's code: anything can happen
                    capability = error.capability if isinstance(error, CapabilityError) else "Valid"
                    lack = CapabilityError(capability, f"space with {name}: {in_one_line(error)}")
                    lack.__cause__ = error
                    return lack
        return None

    @cached_property
    def config(self) -> RunConfig:
        """The settings of the search that is repeated."""
        with registered(self.strategy):
            return configured(PLAIN, self.settings)

    @cached_property
    def _first(self) -> tuple[dict[str, Any], dict[str, int]]:
        config, watch = self.config, Watch()
        with registered(self.strategy), happening("a search"):
            start(config, self.folder / "whole", watch)
            return contents(self.folder / "whole"), watch.counts

    @property
    def counts(self) -> dict[str, int]:
        """Steps and judged genotypes of a search."""
        return self._first[1]

    @property
    def moments(self) -> list[Moment]:
        """When searches are cut off: late in training, and late in choosing, between the checkpoints of every two."""
        return [(what, (count - 1) | 1) for what, count in self.counts.items() if count]

    def check_same(self, folder: str) -> None:
        """Requires that a search has found what the first one with this seed has."""
        first = self._first[0]
        for name, found in contents(self.folder / folder).items():
            require(found == first[name], f"{name} is not the same as that of the first search with this seed")

    def run(self, folder: str, watch: Watch | None = None, **train: Any) -> None:
        """Searches, in this process; what is ``Killed`` is resumed. ``train``: training settings other than the suite's."""
        with registered(self.strategy):
            config = configured(PLAIN, self.settings, **train)
            try:
                start(config, self.folder / folder, watch)
            except Killed:
                resume(self.folder / folder)

    @cached_property
    def path(self) -> str:
        """Where other processes find the strategy."""
        return import_path(self.strategy)

    @cached_property
    def children(self) -> dict[Moment | None, Child]:
        """Searches in other processes, begun all at once: a whole one (``None``), and one that kills itself for each moment."""
        return {moment: self.child(folder_of(moment), moment) for moment in (None, *self.moments)}

    def child(self, folder: str, moment: Moment | None = None) -> Child:
        """A search in another process; one that was begun in this folder is resumed."""
        return self._stack.enter_context(Child(self.path, self.config, self.folder / folder, moment))

    def together(self, folder: str, processes: int) -> list[dict[str, Any]]:
        """A search whose batches several processes share; gives what each ends with."""
        return run_together(self.path, self.config, self.folder / folder, processes)


def folder_of(moment: Moment | None) -> str:
    """Where another process searches that kills itself at a moment, if at any."""
    return "fresh" if moment is None else f"killed-{moment[0]}"


def _check_genotype(config: RunConfig, folder: Path) -> None:
    genotype = start(config, folder, Watch())
    text = (folder / "genotype.json").read_text()
    again = Genotype.from_dict(json.loads(text))
    require(
        again == genotype and again.to_json() == text, "the genotype changes when it is written as JSON and read back"
    )
    space = SearchSpace.from_dict(config.space)
    spec = model_of(config)
    bind_to(space, spec, DIGITS, costs_of(space, spec, DIGITS)).choice(genotype.directions)
