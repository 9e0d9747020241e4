"""Distributed: several processes share the batches of one search."""

from __future__ import annotations

from unittest import SkipTest

from scansearch.testing.capabilities.capability import Capability
from scansearch.testing.requirement import happening, require


class Distributed(Capability):
    """Two processes end with the same genotype, weights and random numbers."""

    def test_two_processes_agree(self) -> None:
        """Or every process would search on its own."""
        self.skip_if_quick()
        if not self.processes:
            raise SkipTest("processes = False: for one process only")
        with happening("Distributed: two processes"):
            one, other = self.searches.together("together", 2)
            for what in one:
                require(
                    one[what] == other[what],
                    f"they end with another {what} each; average what comes from a batch over the processes, and draw the same "
                    "numbers",
                )
