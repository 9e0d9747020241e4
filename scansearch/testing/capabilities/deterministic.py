"""Deterministic: the seed decides."""

from __future__ import annotations

from scansearch.testing.capabilities.capability import Capability
from scansearch.testing.capabilities.searches import folder_of
from scansearch.testing.requirement import happening


class Deterministic(Capability):
    """The same seed gives the same tables, byte for byte, and the same genotype."""

    def test_the_same_search_again(self) -> None:
        """In this process."""
        with happening("Deterministic: the same search again"):
            self.searches.run("again")
            self.searches.check_same("again")

    def test_the_same_search_in_another_process(self) -> None:
        """Where sets have another order, and memory other addresses."""
        self.skip_if_quick()
        with happening("Deterministic: the same search in another process"):
            self.searches.children[None].join()
            self.searches.check_same(folder_of(None))
