"""The conformance suite for search strategies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomli_w
from lightning_fabric.plugins.environments.lightning import find_free_network_port
from pydantic import BaseModel, ValidationError

from scansearch.cost import costs_of
from scansearch.documents import parse_toml
from scansearch.genotype import Genotype
from scansearch.models import bind_to
from scansearch.runs.config import RunConfig, validated
from scansearch.searching.assemble import resume, start
from scansearch.searching.configure import make_config, model_of
from scansearch.space import Budget, SearchSpace
from scansearch.strategy.base import Strategy, StrategySettings
from scansearch.testing.observed_strategy import observed
from scansearch.testing.requirement import one_line, require
from scansearch.testing.strategy_processes import Child, import_path
from scansearch.testing.strategy_runs import DIGITS, NAME, Moment, Watch, configured, contents, happening, registered

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
PLAIN = "keep=2 of 4"
SHORT = {"epochs": 1, "limit": 32, "checkpoint_steps": 50}


class JudgeError(Exception):
    """What the suite raises while a genotype is judged."""


class Killed(BaseException):
    """What the suite raises in place of a kill."""


def check_strategy(
    strategy: type[Strategy],
    *,
    settings: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    quick: bool = False,
    processes: bool = True,
) -> None:
    """Checks that a strategy is one whose searches can be trusted, by tiny searches of a few digits.

    - Its settings have a description and a default each, survive the run's config.toml, and unknown ones are refused.
    - Its genotypes are of the space whatever that is: one or all directions kept, a single candidate, a variable number, a
      constraint, candidates that differ from layer to layer, a budget.
    - Alpha and weights move only when they should, held-out images stay held out, test images are never used.
    - The same seed gives the same tables and genotype: again, in another process, and if the search is cut off in training
      or while it chooses (in the end by ``kill -9``) and resumed.
    - Two processes that share the batches end with the same genotype, weights and random numbers.

    The searches take well under a minute. Give strategies that judge genotypes a small budget by ``settings``. Call it from a
    test, or in a script under ``if __name__ == "__main__":``: other processes import the script.

    Args:
        strategy: The strategy; it need not be registered, but other processes must be able to import it.
        settings: Settings of the strategy for these searches; by default its own.
        folder: Where the runs are written; by default a temporary folder.
        quick: Leave out what needs other processes.
        processes: Whether the strategy must work in two processes at once.

    Raises:
        AssertionError: If something does not hold; the message says what, and in which search.
    """
    path = None if quick else import_path(strategy)
    with ExitStack() as stack:
        base = folder or Path(stack.enter_context(TemporaryDirectory()))
        with registered(strategy):
            _check_settings(strategy, settings or {})
        with registered(observed(strategy)) as test_images:
            for name, space in SPACES.items():
                with happening(f"space with {name}"):
                    _check_genotype(configured(space, settings, **SHORT), base / f"space-{space.name}")
            require(not test_images.uses, "the strategy reads the test images; a search must not see them")
        with registered(strategy):
            config = configured(SPACES[PLAIN], settings)
            _check_repeats(config, base, path)
            if path is not None and processes:
                _check_two_processes(path, config, base)


def _check_settings(strategy: type[Strategy], given: Mapping[str, Any]) -> None:
    require(one_line(strategy.description), f"the description must be one line, but it is {strategy.description!r}")
    require(strategy.when == "" or one_line(strategy.when), f"when must be one line, but it is {strategy.when!r}")
    kind = strategy.Settings
    require(issubclass(kind, StrategySettings), f"Settings must be a StrategySettings, but it is {kind!r}")
    for name, field in kind.model_fields.items():
        require(one_line(field.description), f"setting {name!r} needs a description of one line: listings show it")
        require(not field.is_required(), f"setting {name!r} needs a default: a strategy must work without settings")
    try:
        kind.model_validate({"no such setting": 1})
    except ValidationError:
        pass
    else:
        raise AssertionError("Settings must refuse unknown names (extra='forbid'): a misspelt setting goes unnoticed")
    for values in ({}, dict(given)):
        with happening("settings"):
            _check_round_trip(validated(kind, values, "strategy"))
    for preset in strategy.presets:
        with happening(f"preset {preset!r}"):
            make_config(space=SPACES[PLAIN], strategy=NAME, model="local_vim_nano", data=NAME, preset=preset)


def _check_round_trip(settings: BaseModel) -> None:
    text = tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))
    again = type(settings)(**parse_toml(text))
    require(again == settings, f"a resumed run would read {again!r} from config.toml, but it began with {settings!r}")


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


def _check_repeats(config: RunConfig, base: Path, path: str | None) -> None:
    """The same search in every way that must not matter."""
    watch = Watch()
    with happening("a search"):
        start(config, base / "whole", watch)
    whole, counts = contents(base / "whole"), watch.counts
    with happening("the same search again"):
        start(config, base / "again")
        _same(whole, base / "again")
    moments = _moments(counts)
    for moment in moments:
        where = _where(moment)
        with happening(f"cut off {where} and resumed"):
            _cut(config, base / f"cut-{moment[0]}", moment)
            _same(whole, base / f"cut-{moment[0]}")
    if counts["judged"]:
        _check_failure(config, base / "failure")
    if path is not None:
        _check_children(config, base, path, whole, moments)


def _moments(counts: Mapping[str, int]) -> list[Moment]:
    """Between two checkpoints, which are saved every two: late in training, and late in choosing."""
    return [(what, (count - 1) | 1) for what, count in counts.items() if count]


def _where(moment: Moment) -> str:
    return f"after step {moment[1]}" if moment[0] == "step" else f"after judging {moment[1]} genotypes"


def _cut(config: RunConfig, folder: Path, moment: Moment) -> None:
    def kill() -> None:
        raise Killed

    try:
        start(config, folder, Watch(moment, kill))
    except Killed:
        resume(folder)


def _same(whole: Mapping[str, Any], folder: Path) -> None:
    for name, found in contents(folder).items():
        require(found == whole[name], f"{name} is not the same as that of the first search with this seed")


def _check_failure(config: RunConfig, folder: Path) -> None:
    def fail() -> None:
        raise JudgeError

    try:
        start(config, folder, Watch(("judged", 1), fail))
    except JudgeError:
        return
    raise AssertionError(
        "an error while a genotype is judged does not come out of finish(): the search goes on without it"
    )


def _check_children(config: RunConfig, base: Path, path: str, whole: Mapping[str, Any], moments: list[Moment]) -> None:
    with ExitStack() as stack:
        fresh = stack.enter_context(Child(path, config, base / "fresh"))
        killed = {
            moment: stack.enter_context(Child(path, config, base / f"killed-{moment[0]}", moment)) for moment in moments
        }
        with happening("the same search in another process"):
            fresh.join()
            _same(whole, base / "fresh")
        for moment, process in killed.items():
            with happening(f"killed (SIGKILL) {_where(moment)} and resumed"):
                require(process.join(), "the process did not come this far")
                with Child(path, config, base / f"killed-{moment[0]}") as again:
                    again.join()
                _same(whole, base / f"killed-{moment[0]}")


def _check_two_processes(path: str, config: RunConfig, base: Path) -> None:
    folder, port = base / "ranks", find_free_network_port()
    folder.mkdir(parents=True)
    with happening("two processes"), ExitStack() as stack:
        ranks = [stack.enter_context(Child(path, config, folder, rank=(rank, port))) for rank in range(2)]
        for rank in ranks:
            rank.join()
        one, other = (json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(2))
        for what in one:
            require(
                one[what] == other[what],
                f"they end with another {what} each; average what comes from a batch over the processes, and draw the same numbers",
            )
