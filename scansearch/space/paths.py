"""The subsets that a layer may keep, as paths through a small graph.

Candidates are decided one after the other. What the rules need to know of the decisions so far (how many directions are
kept, how many of them are windows, how many flipped pairs are complete) is the state; a subset is a path from the start
to a state that every rule accepts. Counting, uniform sampling, listing, and finding the best subset, with or without a
budget, are then one backward pass each, exact and quick even for 4 of 128 (10.7 million subsets).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Generic, Protocol, TypeVar

from scansearch.errors import ScansearchError

MOST_STEPS = 200_000  # 4 of 1,000 candidates take 10,000, 100 of 1,000 take 190,000

Subset = tuple[int, ...]
State = tuple[int, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Rule:
    """How many of certain sets a choice must, or may, hold.

    Args:
        sets: Sets of candidates: single ones to count directions, flipped partners to count pairs. A candidate may stand
            in one set of two or more only.
        least: At least so many of the sets must be kept as a whole.
        most: At most so many may be; ``None`` does not limit them.
    """

    sets: frozenset[frozenset[int]]
    least: int = 0
    most: int | None = None

    def gain(self, option: Subset) -> int:
        """Sets that ``option`` completes."""
        return sum(1 for members in self.sets if members.issubset(option))

    def count(self, before: int, gain: int) -> int | None:
        """The count after ``gain`` more, no further than matters; ``None`` if there are too many."""
        after = before + gain
        if self.most is not None:
            return after if after <= self.most else None
        return min(after, self.least)


class Algebra(Protocol[T]):
    """What a backward pass computes: a value for every state, from the values of the states that follow."""

    def end(self) -> T:
        """Value of a state in which nothing is left to decide and every rule is content."""

    def extend(self, option: Subset, rest: T) -> T:
        """Value of taking ``option`` and then what ``rest`` stands for."""

    def merge(self, one: T, other: T) -> T:
        """Value of doing either."""


class Paths:
    """The graph of a layer's subsets.

    Args:
        candidates: Number N of candidates.
        rules: What a subset must satisfy.

    Raises:
        ScansearchError: If it has more than ``MOST_STEPS`` steps.
    """

    def __init__(self, candidates: int, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.options = [_subsets(unit) for unit in _units(candidates, rules)]
        self.levels: list[dict[State, dict[Subset, State]]] = []
        self.size = 0  # steps from a state to another
        states: set[State] = {(0,) * len(rules)}
        for options in self.options:
            gains = [(option, [rule.gain(option) for rule in rules]) for option in options]
            level = {state: dict(self._steps(state, gains)) for state in states}
            self.levels.append(level)
            self._count(level, candidates)
            states = {after for steps in level.values() for after in steps.values()}
        self.ends = {state for state in states if all(n >= rule.least for n, rule in zip(state, rules, strict=True))}

    @property
    def start(self) -> State:
        """The state before anything is decided."""
        return (0,) * len(self.rules)

    def _count(self, level: dict[State, dict[Subset, State]], candidates: int) -> None:
        self.size += sum(map(len, level.values()))
        if self.size > MOST_STEPS:
            raise ScansearchError(
                f"the choices of a layer are counted in at most {MOST_STEPS:,} steps, and keep and the constraints take more for "
                f"{candidates:,} candidates; lower keep, or take fewer candidates or constraints"
            )

    def _steps(self, state: State, gains: list[tuple[Subset, list[int]]]) -> Iterator[tuple[Subset, State]]:
        for option, gained in gains:
            after = [rule.count(n, gain) for n, gain, rule in zip(state, gained, self.rules, strict=True)]
            if None not in after:
                yield option, tuple(n for n in after if n is not None)


class Pass(Generic[T]):
    """A backward pass: the value of every state of every level.

    Args:
        paths: The graph.
        algebra: What to compute.
    """

    def __init__(self, paths: Paths, algebra: Algebra[T]) -> None:
        self.paths = paths
        self.values: list[dict[State, T]] = [{state: algebra.end() for state in paths.ends}]
        for level in reversed(paths.levels):
            self.values.insert(0, dict(_backward(level, self.values[0], algebra)))

    @property
    def total(self) -> T | None:
        """The value of the start; ``None`` if there is no subset at all."""
        return self.values[0].get(self.paths.start)

    def steps(self, level: int, state: State) -> Iterator[tuple[Subset, State, T]]:
        """The options at a state from which the rules can still be satisfied, where they lead, and its value."""
        for option, after in self.paths.levels[level][state].items():
            if after in self.values[level + 1]:
                yield option, after, self.values[level + 1][after]


def _backward(
    level: dict[State, dict[Subset, State]], after: dict[State, T], algebra: Algebra[T]
) -> Iterator[tuple[State, T]]:
    for state, steps in level.items():
        value: T | None = None
        for option, target in steps.items():
            if target in after:
                found = algebra.extend(option, after[target])
                value = found if value is None else algebra.merge(value, found)
        if value is not None:
            yield state, value


def _units(candidates: int, rules: tuple[Rule, ...]) -> list[Subset]:
    """Candidates that must be decided together, since a rule counts them as one set; the others alone."""
    together = {members for rule in rules for members in rule.sets if len(members) > 1}
    units = {tuple(sorted(members)) for members in together}
    bound = {i for unit in units for i in unit}
    return sorted([*units, *((i,) for i in range(candidates) if i not in bound)])


def _subsets(unit: Subset) -> list[Subset]:
    """All subsets, the larger ones first."""
    return [option for size in range(len(unit), -1, -1) for option in combinations(unit, size)]


@lru_cache(maxsize=256)
def paths_of(candidates: int, rules: tuple[Rule, ...]) -> Paths:
    """The graph; layers that are alike share one."""
    return Paths(candidates, rules)
