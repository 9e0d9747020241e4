"""What searches on halves say of a run's genotype: how far they agree, what chance would give, and what is confirmed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import NamedTuple

import numpy as np

from scansearch.comparing.agreement import at_least, mean_of, overlap_law, sum_of
from scansearch.comparing.drawn import drawn_like, drawn_p, overlaps_with
from scansearch.comparing.stability import by_chance, joint_p, most_by_chance
from scansearch.confirmed import Confirmed
from scansearch.space import BoundSpace, Choice

LEVEL = 0.05
"""The largest p at which anything counts as confirmed: how often halves that choose at random would pass."""
SHARE = 0.75
"""Of all halves, at least so many must choose a direction (Shah and Samworth, arXiv 1105.5578, section 3)."""


class Chance(NamedTuple):
    """What chance gives a pair of halves.

    Args:
        means: Mean overlap of each layer.
        layers: p of each layer's overlap.
        total: p of the whole overlap.
    """

    means: list[float]
    layers: list[float]
    total: float


@dataclass(frozen=True)
class Halves:
    """The choices of pairs of halves.

    Args:
        space: The space on the model's layers.
        choices: One a half; the first and second are a pair, and so on.
        seed: Seed of the draws, where chance must be drawn.
        undecided: Of each half, the layers (from 0) in which all candidates are alike to it. What it keeps there is the first that
            comes, and counts for nothing: halves would agree on it whatever the images.
    """

    space: BoundSpace
    choices: Sequence[Choice]
    seed: int
    undecided: Sequence[frozenset[int]] = ()

    @property
    def exact(self) -> bool:
        """Whether each layer chooses for itself and any of its subsets, so that there is a formula."""
        return self.space.budget is None and not any(layer.rules for layer in self.space)

    @cached_property
    def chosen(self) -> list[Choice]:
        """What each half chose: nothing in the layers in which it is undecided."""
        silent = self.undecided or [frozenset()] * len(self.choices)
        return [
            tuple(() if i in gone else kept for i, kept in enumerate(choice))
            for choice, gone in zip(self.choices, silent, strict=True)
        ]

    @cached_property
    def pairs(self) -> list[tuple[Choice, Choice]]:
        """What the halves chose, two by two."""
        return list(zip(self.chosen[::2], self.chosen[1::2], strict=True))

    @property
    def needed(self) -> int:
        """How many halves must choose a direction."""
        return math.ceil(SHARE * len(self.choices))

    def overlaps(self) -> list[list[int]]:
        """Of each pair, the overlap of each layer."""
        return [[len({*a} & {*b}) for a, b in zip(*pair, strict=True)] for pair in self.pairs]

    def chances(self) -> list[Chance]:
        """What chance gives each pair, given how many directions its halves keep."""
        rule = self._by_formula if self.exact else self._by_draws
        second = self.choices[1::2]
        return [rule(*pair, kept, seen) for pair, kept, seen in zip(self.pairs, second, self.overlaps(), strict=True)]

    def _by_formula(self, one: Choice, other: Choice, kept: Choice, seen: Sequence[int]) -> Chance:
        laws = [
            overlap_law(len(layer.candidates), len(a), len(b))
            for layer, a, b in zip(self.space, one, other, strict=True)
        ]
        layers = [at_least(law, n) for law, n in zip(laws, seen, strict=True)]
        return Chance([mean_of(law) for law in laws], layers, at_least(sum_of(laws), sum(seen)))

    def _by_draws(self, one: Choice, other: Choice, kept: Choice, seen: Sequence[int]) -> Chance:
        both = tuple(a if b else () for a, b in zip(one, other, strict=True))
        drawn = overlaps_with(both, self._drawn(tuple(map(len, kept)), kept))
        layers = [drawn_p(drawn[:, i], n) for i, n in enumerate(seen)]
        return Chance(drawn.mean(0).tolist(), layers, drawn_p(drawn.sum(1), sum(seen)))

    def _drawn(self, sizes: tuple[int, ...], choice: Choice) -> list[Choice]:
        if sizes not in self._drawings:
            self._drawings[sizes] = drawn_like(self.space, choice, self.seed)
        return self._drawings[sizes]

    @cached_property
    def _drawings(self) -> dict[tuple[int, ...], list[Choice]]:
        return {}

    def counts(self) -> list[dict[str, int]]:
        """Of each layer, how many halves chose each direction, in the sequence of the candidates."""
        found = []
        for number, layer in enumerate(self.space):
            chosen = Counter(i for choice in self.chosen for i in choice[number])
            found.append({layer.candidates[i]: chosen[i] for i in sorted(chosen)})
        return found


def verdict(kept: Choice, halves: Halves, epochs: int) -> Confirmed:
    """What the halves say of a genotype.

    A direction is confirmed if the run keeps it, enough of the halves chose it, and all in all the halves agree more than chance
    would have them (p of at most ``LEVEL``): without that, some directions are always in both halves.

    Args:
        kept: What the run keeps.
        halves: What its halves chose.
        epochs: Epochs of each half.
    """
    seen, chances = np.array(halves.overlaps()), halves.chances()
    most = np.array([[min(len(a), len(b)) for a, b in zip(*pair, strict=True)] for pair in halves.pairs])
    p = joint_p([chance.total for chance in chances])
    names, counts = halves.space.directions(kept), halves.counts()
    layers = []
    for i, chosen in enumerate(counts):
        stable = [name for name in names[i] if p <= LEVEL and chosen.get(name, 0) >= halves.needed]
        layers.append(
            {
                "directions": stable,
                "halves": chosen,
                "overlap": float(seen[:, i].mean()),
                "most": float(most[:, i].mean()),
                "chance": _round(fmean(chance.means[i] for chance in chances)),
                "p": _round(joint_p([chance.layers[i] for chance in chances])),
            }
        )
    return Confirmed.model_validate(
        {
            "pairs": len(halves.pairs),
            "epochs": epochs,
            "overlap": float(seen.sum(1).mean()),
            "most": float(most.sum(1).mean()),
            "chance": _round(fmean(sum(chance.means) for chance in chances)),
            "p": _round(p),
            "law": "exact" if halves.exact else "drawn",
            "level": LEVEL,
            "needed": halves.needed,
            **_single(halves),
            "layers": layers,
        }
    )


def _single(halves: Halves) -> dict[str, float]:
    """What chance and the theorem say of single directions, where they can."""
    sizes = [[len(choice[i]) for choice in halves.chosen] for i in range(len(halves.space))]
    ns = [len(layer.candidates) for layer in halves.space]
    told = {}
    if halves.exact:
        told["by_chance"] = _round(sum(by_chance(n, kept, halves.needed) for n, kept in zip(ns, sizes, strict=True)))
    if len(halves.pairs) > 1 and all(len({*kept}) == 1 for kept in sizes):
        share = halves.needed / len(halves.choices)
        told["bound"] = _round(sum(most_by_chance(n, kept[0], share) for n, kept in zip(ns, sizes, strict=True)))
    return told


def _round(value: float) -> float:
    """Nine digits that count: p may be tiny."""
    return float(f"{value:.9g}")
