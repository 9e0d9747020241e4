"""Judging: what ``finish`` does with its judge."""

from __future__ import annotations

from scansearch.testing.capabilities.capability import Capability
from scansearch.testing.capabilities.searches import SHORT
from scansearch.testing.requirement import happening
from scansearch.testing.strategy_runs import Watch


class JudgeError(Exception):
    """What is raised while a genotype is judged."""


class Judging(Capability):
    """It judges and tunes no more than its traits promise, and an error of the judge ends the search."""

    def test_promises_are_kept(self) -> None:
        """The progress bar and the limits on a run go by them."""
        self.searches.require("Judging")

    def test_errors_come_out(self) -> None:
        """What is swallowed would look like a low accuracy."""

        def fail() -> None:
            raise JudgeError

        with happening("Judging"):
            judges = self.searches.counts["judged"] > 0
        if not judges:
            return
        try:
            self.searches.run("failure", Watch(("judged", 1), fail), **SHORT)
        except JudgeError:
            return
        raise AssertionError(
            "Judging: an error while a genotype is judged does not come out of finish(): the search goes on without it"
        )
