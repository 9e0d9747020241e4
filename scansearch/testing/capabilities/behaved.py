"""Valid, Pure, Separate, Unmoved, HeldOut: what the engine relies on at every call, in searches of all kinds of spaces."""

from __future__ import annotations

from scansearch.testing.capabilities.capability import Capability


class Valid(Capability):
    """It searches any space: one or all directions kept, one candidate, a variable number, a constraint, a budget.

    ``scores`` gives one finite number a candidate, ``choose`` a genotype of the space, which survives JSON.
    """

    def test_genotypes_are_of_the_space(self) -> None:
        """In every kind of space."""
        self.searches.require("Valid")


class Pure(Capability):
    """``scores``, ``choose`` and ``evaluation`` give the same when asked again, and draw no random numbers."""

    def test_asking_changes_nothing(self) -> None:
        """Or logging would change the search."""
        self.searches.require("Pure")


class Separate(Capability):
    """Alpha are parameters of the supernet that only the strategy moves; weights move by the loop and ``evaluate.tune`` alone."""

    def test_alpha_and_weights_move_only_when_they_should(self) -> None:
        """In every hook."""
        self.searches.require("Separate")


class Unmoved(Capability):
    """A branch that a step does not run stays as it is; the weights' gradients come from the loop and ``step.loss`` alone."""

    def test_what_did_not_run_does_not_move(self) -> None:
        """Or it would drift by momentum and decay."""
        self.searches.require("Unmoved")


class HeldOut(Capability):
    """Held-out images are none of those that the weights learn from; test images are never used."""

    def test_images_are_seen_only_where_they_may_be(self) -> None:
        """Or accuracies would be flattered."""
        self.searches.require("HeldOut")
