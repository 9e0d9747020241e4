"""Kills short searches at every file operation, resumes each, and compares every byte with a run that nothing disturbed.

    python tests/campaign/kills.py darts            every operation, whole and torn
    python tests/campaign/kills.py darts --every 9  every ninth
    python tests/campaign/kills.py darts --figures  also those of the figures at its end

Prints a line for each difference, then ``N kills, N differences``.
"""

from __future__ import annotations

import argparse
import functools
import gc
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from file_events import Killer, watch
from forks import Outcome, in_child

GENERATIONS = {"generations": 2, "population": 4, "parents": 2, "mutations": 2, "crossovers": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "evolution": {"population": 6, "competitors": 3, "cycles": 6},
    "local_search": {"trials": 6, "initial": 2},
    "optuna_search": {"trials": 5},
    "nni_search": {"trials": 5},
    "random_search": {"samples": 6, "images": 16, "finalists": 2},
    "single_path": GENERATIONS,
    "surrogate": {"trials": 6, "initial": 3},
    "fair_path": GENERATIONS,
}
UNEQUAL = {"timing.csv", "environment.json", "log.txt", ".lock"}
"""What may differ between a run that was killed and one that was not."""


def search(strategy: str, out: Path, *, figures: bool = False) -> None:
    """A search of a second; resumed if it has begun."""
    import scansearch
    import scansearch.figures.render

    if not figures:
        scansearch.figures.render.render = lambda *arguments: []
    if (out / "config.toml").exists():
        scansearch.resume(out)
        return
    scansearch.search(
        out, strategy=strategy, model="local_vim_nano", epochs=1, batch_size=32, limit=64, validation_limit=32, threads=1,
        patch_size=2, depth=2, checkpoint_steps=1, drop_path=0.1, scan_backend="torch", **SETTINGS.get(strategy, {}),
    )  # fmt: skip


def contents(run: Path) -> dict[str, bytes]:
    """Every file below ``run`` that must come out the same."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in UNEQUAL)
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


class Campaign:
    """Kills and resumes one strategy's search.

    Args:
        strategy: Its name.
        work: Folder for the runs.
        figures: Whether it draws its figures, which takes most of the time.
    """

    def __init__(self, strategy: str, work: Path, *, figures: bool = False) -> None:
        self.strategy, self.work, self.run, self.figures = strategy, work, work / "run", figures

    def attempt(self, moment: int, torn: bool = False) -> Outcome:
        """Starts or resumes the search, killed at ``moment``; 0 lets it end and prints the number of operations."""

        def work() -> None:
            killer = Killer(self.run, moment, torn=torn)
            watch(killer)
            search(self.strategy, self.run, figures=self.figures)
            print(f"operations {killer.count}")

        return in_child(work, self.work)

    def undisturbed(self) -> tuple[dict[str, bytes], int]:
        """What the run writes, and with how many operations."""
        done = self.attempt(0)
        if done.status != 0:
            raise SystemExit(f"{self.strategy}: the undisturbed run ends with {done.status}: {done.err}")
        return contents(self.run), int(done.out.split()[-1])

    def differences(self, every: int) -> tuple[int, list[str]]:
        """How many kills there were, and a line for each run that did not come out the same."""
        expected, operations = self.undisturbed()
        kills, found = 0, []
        for moment in range(1, operations + 1, every):
            for torn in (False, True):
                shutil.rmtree(self.run)
                kills += 1
                killed = self.attempt(moment, torn)
                if killed.status == 0:
                    continue  # a timing decided how many operations there were
                if killed.status != -signal.SIGKILL:
                    found.append(f"{self.strategy} {moment} torn={torn}: not killed, but {killed}")
                    continue
                resumed = self.attempt(0)
                if wrong := self._wrong(resumed, expected):
                    found.append(f"{self.strategy} {moment} of {operations} torn={torn}: {wrong}")
        return kills, found

    def _wrong(self, resumed: Outcome, expected: dict[str, bytes]) -> str:
        if resumed.status != 0:
            return f"the resumed run ends with {resumed.status}: {resumed.err[-2000:]}"
        got = contents(self.run)
        names = sorted(name for name in {*got, *expected} if got.get(name) != expected.get(name))
        return f"not the same: {', '.join(names)}" if names else ""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("strategy")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--figures", action="store_true")
    arguments = parser.parse_args()
    warm_up()
    with tempfile.TemporaryDirectory() as work:
        kills, found = Campaign(arguments.strategy, Path(work), figures=arguments.figures).differences(arguments.every)
    print(*found, f"{kills} kills, {len(found)} differences", sep="\n")
    sys.exit(bool(found))


@functools.cache
def warm_up() -> None:
    """Imports what a search needs, without computing anything on several threads."""
    import matplotlib.figure
    import optuna
    import pandas
    import torch

    import scansearch.searching.assemble
    from scansearch.registry import DATASETS, EXPORTERS, FIGURES, MODELS, SCAN_ORDERS, SEARCH_SPACES, STRATEGIES

    torch.set_num_threads(1)
    assert all((matplotlib.figure, optuna, pandas, scansearch.searching.assemble))
    for registry in (DATASETS, EXPORTERS, MODELS, FIGURES, SCAN_ORDERS, SEARCH_SPACES, STRATEGIES):
        for name in registry:
            registry.get(name)
    gc.collect()
    gc.freeze()  # or each child would copy the memory of all these objects when it looks for cycles


if __name__ == "__main__":
    main()
