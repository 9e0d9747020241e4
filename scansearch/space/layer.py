"""What one layer chooses from, on its own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from scansearch.scans import ScanOrder
from scansearch.space.algebras import Best, Cheapest, Counting, Counts, Maximum
from scansearch.space.draws import pick
from scansearch.space.paths import Pass, Paths, Rule, State, Subset, paths_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LayerSpace:
    """What one layer chooses from. A choice is a tuple of ascending candidate indices.

    Args:
        grid: Rows and columns of the layer's tokens.
        candidates: Directions that differ from one another on this grid.
        least: The layer keeps at least so many of them.
        most: And at most so many.
        merged: Directions of the space that are left out, each with the candidate it coincides with on this grid.
        rules: The space's constraints, for these candidates.
        costs: Cost of each candidate in whole units of the budget; all zero without one.
        limit: Units of the budget that the layer can use at most; ``None`` without one.
    """

    grid: tuple[int, int]
    candidates: tuple[str, ...]
    least: int
    most: int
    merged: dict[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    costs: tuple[int, ...] = ()
    limit: int | None = None

    @cached_property
    def paths(self) -> Paths:
        """The graph of the layer's choices."""
        every = frozenset(frozenset({i}) for i in range(len(self.candidates)))
        return paths_of(len(self.candidates), (Rule(every, self.least, self.most), *self.rules))

    @cached_property
    def _prices(self) -> tuple[int, ...]:
        return self.costs or (0,) * len(self.candidates)

    @cached_property
    def _counted(self) -> Pass[Counts]:
        return Pass(self.paths, Counting(self._prices, self.limit))

    @property
    def counts(self) -> Counts:
        """Number of choices by cost, without those beyond the limit."""
        return self._counted.total or {}

    @property
    def size(self) -> int:
        """Number of choices, order aside."""
        return sum(self.counts.values())

    @property
    def cheapest(self) -> int:
        """The least cost of a choice, in units of the budget, whatever the limit; at least one choice must exist."""
        return Pass(self.paths, Cheapest(self._prices)).total or 0

    def notes(self) -> list[str]:
        """What is odd about the candidates on this grid, a line each."""
        pairs = ", ".join(f"{name} is {target}" for name, target in self.merged.items())
        grid = f"on the {self.grid[0]} x {self.grid[1]} grid"
        coincide = [f"{grid} some directions coincide and are offered once: {pairs}"] if pairs else []
        remarks = ((name, ScanOrder(name).remark(*self.grid)) for name in self.candidates)
        return [*coincide, *(f"{name}: {remark}" for name, remark in remarks if remark)]

    def cost(self, choice: Sequence[int]) -> int:
        """Cost of a choice, in units of the budget."""
        return sum(self._prices[i] for i in choice)

    def allows(self, choice: Sequence[int]) -> bool:
        """Whether the layer may keep these candidates."""
        chosen = tuple(sorted(choice))
        if len(set(chosen)) < len(chosen) or not all(0 <= i < len(self.candidates) for i in chosen):
            return False
        gains = [(rule.gain(chosen), rule) for rule in self.rules]
        return (
            self.least <= len(chosen) <= self.most
            and all(rule.least <= n and (rule.most is None or n <= rule.most) for n, rule in gains)
            and (self.limit is None or self.cost(chosen) <= self.limit)
        )

    def choices(self) -> Iterator[Subset]:
        """Every choice, in a fixed order."""
        return (tuple(sorted(choice)) for choice in self._walk(0, self.paths.start, self.limit))

    def _walk(self, level: int, state: State, left: int | None) -> Iterator[Subset]:
        if level == len(self.paths.levels):
            yield ()
            return
        for option, after, rest in self._counted.steps(level, state):
            still = None if left is None else left - self.cost(option)
            if rest and (still is None or min(rest) <= still):
                yield from ((*option, *chosen) for chosen in self._walk(level + 1, after, still))

    def sample(self, generator: torch.Generator | None = None, *, cost: int | None = None) -> Subset:
        """A uniformly drawn choice, or one of those of exactly ``cost``; at least one must exist.

        Args:
            generator: Where the random numbers come from; ``None`` is torch's global generator.
            cost: Draw only among the choices of this cost.
        """
        if cost is None:
            cost = pick(sorted(self.counts), [self.counts[c] for c in sorted(self.counts)], generator)
        state, left = self.paths.start, cost
        chosen: Subset = ()
        for level in range(len(self.paths.levels)):
            steps = [(option, after, rest) for option, after, rest in self._counted.steps(level, state)]
            weights = [rest.get(left - self.cost(option), 0) for option, _, rest in steps]
            option, state, _ = pick(steps, weights, generator)
            left -= self.cost(option)
            chosen += option
        return tuple(sorted(chosen))

    def best_by_cost(self, values: Sequence[int]) -> Best:
        """The most valuable choice for every cost; costs at which a cheaper choice is as good are left out."""
        return Pass(self.paths, Maximum(self._prices, values, self.limit)).total or {}

    def neighbours(self, choice: Sequence[int]) -> Iterator[Subset]:
        """The choices one move away: a direction swapped for another, added, or dropped."""
        inside, outside = sorted(choice), [i for i in range(len(self.candidates)) if i not in choice]
        moves = [
            (old, new) for old in [*inside, None] for new in [*outside, None] if old is not None or new is not None
        ]
        for old, new in moves:
            moved = tuple(sorted([*(i for i in inside if i != old), *([] if new is None else [new])]))
            if self.allows(moved):
                yield moved
