"""What a search over genotypes asks, and what it has heard: every search of this family judges, and takes the best."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from scansearch.space import Choice

TRIES = 10


class Ask:
    """Asks how accurate genotypes are.

    A search runs again from its seed after an interruption: it asks the same, and hears what is known already.

    Args:
        judge: The accuracy of a genotype, in [0, 1].
        known: Accuracies from before an interruption, by genotype; what is judged is added.
        size: How many genotypes there are.
    """

    def __init__(self, judge: Callable[[Choice], float], known: dict[Choice, float], size: int) -> None:
        self._judge, self._known, self._size = judge, known, size
        self.accuracies: dict[Choice, float] = {}
        """Of the genotypes that were asked for, in their order."""

    def __call__(self, choice: Choice) -> float:
        """The accuracy of a genotype, in [0, 1]; the same one is judged once."""
        if choice not in self._known:
            self._known[choice] = self._judge(choice)
        self.accuracies[choice] = self._known[choice]
        return self.accuracies[choice]

    def new(self, draw: Callable[[], Choice], count: int) -> list[Choice]:
        """Judges ``count`` genotypes that were not asked for yet, or fewer if few are left: each is drawn at most 10 times."""
        found = []
        for _ in range(count):
            if (drawn := self.unknown(draw)) is not None:
                self(drawn)
                found.append(drawn)
        return found

    def unknown(self, draw: Callable[[], Choice], tries: int = TRIES) -> Choice | None:
        """A genotype that was not asked for yet, drawn at most so many times; ``None`` if there was none."""
        drawn = (draw() for _ in range(tries if len(self.accuracies) < self._size else 0))
        return next((choice for choice in drawn if choice not in self.accuracies), None)

    def best(self, count: int) -> list[Choice]:
        """The most accurate; of equals the one that was asked for first."""
        return best_of(self.accuracies, count)


def best_of(judged: dict[Choice, float], count: int) -> list[Choice]:
    """The most accurate of judged genotypes; of equals the one judged first."""
    return heapq.nlargest(count, judged, key=lambda choice: judged[choice])
