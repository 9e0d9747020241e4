"""Resumable: an interruption costs time, and nothing else."""

from __future__ import annotations

from scansearch.testing.capabilities.capability import Capability
from scansearch.testing.capabilities.searches import Killed, folder_of
from scansearch.testing.requirement import happening, require
from scansearch.testing.strategy_runs import Moment, Watch


class Resumable(Capability):
    """A search that is cut off, in training or while it chooses, and resumed, ends as it would have."""

    def test_cut_off_and_resumed(self) -> None:
        """By an exception that nothing catches."""
        for moment in self._moments():
            folder = f"cut-{moment[0]}"
            with happening(f"Resumable: cut off {_when(moment)} and resumed"):
                self.searches.run(folder, Watch(moment, _cut))
                self.searches.check_same(folder)

    def test_killed_and_resumed(self) -> None:
        """By SIGKILL, and in another process."""
        self.skip_if_quick()
        for moment in self._moments():
            with happening(f"Resumable: killed (SIGKILL) {_when(moment)} and resumed"):
                require(self.searches.children[moment].join(), "the process did not come this far")
                self.searches.child(folder_of(moment)).join()
                self.searches.check_same(folder_of(moment))

    def _moments(self) -> list[Moment]:
        with happening("Resumable"):
            return self.searches.moments


def _cut() -> None:
    raise Killed


def _when(moment: Moment) -> str:
    return f"after step {moment[1]}" if moment[0] == "step" else f"after judging {moment[1]} genotypes"
