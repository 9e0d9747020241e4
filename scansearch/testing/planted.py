"""A problem whose best genotype is known: do search strategies find it?

An image has one colour a layer. In each colour every pixel is low or high, by the toss of a fair coin, and one pixel is
marked. A planted direction of a layer reads one bit: whether the pixel that comes just before the marked one in its scan
order is high. The label is the binary number that the bits of all planted directions of all layers write: a class for
every combination.

The network (``scansearch.testing.planted_model``) reads every layer at the marked pixel, as Vim reads its class token, where
a causal convolution along a direction sees nothing but the pixels just before it in that order. So a bit is out of reach
of every other direction, but for those places where two orders agree: ``ceiling`` says exactly how accurate a genotype can
be at most. It is 1 for the planted genotype alone.

Examples:
    >>> import scansearch
    >>> from scansearch.testing.planted import PLANTED
    >>> settings = {"epochs": 20, "lr": 0.01}
    >>> with PLANTED.registered() as problem:  # doctest: +SKIP
    ...     found = scansearch.search("runs/x", space=problem.space, model="planted", data="planted", **settings)
    >>> PLANTED.is_planted(found)  # doctest: +SKIP
    True
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scansearch.data import DatasetSpec, Parts, TensorSplit
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.registry import DATASETS, MODELS
from scansearch.space import SearchSpace
from scansearch.testing.planted_model import TAPS, PlantedSpec, preceding

NAME = "planted"
CANDIDATES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip")
GRID = (6, 6)
DEPTH, KEEP = 3, 2
LOW, HIGH, MARK, NOISE = 60, 130, 220, 20  # grey levels; the noise is uniform, in -NOISE ... NOISE
SIZES = {"train": 2048, "validation": 512, "test": 512}

Directions = Sequence[Sequence[str]]


@dataclass(frozen=True)
class PlantedProblem:
    """Images whose labels are planted along some directions, and the network that can read them.

    Args:
        planted: The directions of each layer that carry the label.
        seed: Which images are drawn.
        candidates: What each layer chooses from.
        shuffled: Whether the labels of each split are dealt out anew: then there is nothing to find.

    Raises:
        ScansearchError: If there is no layer, or one plants nothing, something that is no candidate, or orders that agree
            wherever a pixel can be marked.
    """

    planted: tuple[tuple[str, ...], ...]
    seed: int = 0
    candidates: tuple[str, ...] = CANDIDATES
    shuffled: bool = False

    def __post_init__(self) -> None:
        if not self.planted:
            raise ScansearchError("a planted problem has at least one layer, but none was given")
        for number, names in enumerate(self.planted):
            if not names or len({*names} & {*self.candidates}) < len(names):
                raise ScansearchError(
                    f"a layer plants some of {', '.join(self.candidates)}, each once, but layer {number + 1} plants "
                    f"{', '.join(names) or 'nothing'}"
                )
            if not len(places(names)):
                raise ScansearchError(
                    f"the orders of a layer must differ somewhere, but those of layer {number + 1} do not: {', '.join(names)}"
                )

    @classmethod
    def draw(cls, seed: int) -> PlantedProblem:
        """A problem drawn at random: two directions in each of three layers, and the images."""
        random = np.random.default_rng(seed)
        pairs = list(combinations(CANDIDATES, KEEP))
        return cls(tuple(pairs[i] for i in random.integers(len(pairs), size=DEPTH)), seed)

    @property
    def bits(self) -> int:
        """Bits that make the label."""
        return sum(map(len, self.planted))

    @property
    def space(self) -> SearchSpace:
        """The space in which to search: every layer keeps as many directions as it plants."""
        keep, *others = map(len, self.planted)
        layers = {number: {"keep": n} for number, n in enumerate(others, 1) if n != keep}
        return SearchSpace(name=NAME, candidates=self.candidates, keep=keep, layers=layers)

    @property
    def model(self) -> PlantedSpec:
        """The network."""
        return PlantedSpec(depth=len(self.planted))

    @property
    def data(self) -> DatasetSpec:
        """The images."""
        return DatasetSpec(
            NAME, f"planted bits, {GRID[0]}x{GRID[1]}, {2**self.bits} classes", self.read, where="made up"
        )

    @contextmanager
    def registered(self) -> Iterator[PlantedProblem]:
        """Within, model and images go by the name ``planted``, also in ``scansearch.search``."""
        MODELS.register(NAME, self.model, override=True)
        DATASETS.register(NAME, self.data, override=True)
        try:
            yield self
        finally:
            MODELS.unregister(NAME)
            DATASETS.unregister(NAME)

    def read(self, root: Path | None = None) -> Parts:
        """Draws the images; the root is not used."""
        random = np.random.default_rng([self.seed, 1])
        splits: dict[str, Any] = {role: self._split(size, random) for role, size in SIZES.items()}
        return Parts(**splits, class_names=tuple(map(str, range(2**self.bits))))

    def _split(self, size: int, random: np.random.Generator) -> TensorSplit:
        pixels = GRID[0] * GRID[1]
        high = random.integers(2, size=(size, len(self.planted), pixels))
        levels = np.where(high, HIGH, LOW)
        labels = np.zeros(size, dtype=np.int64)
        for layer, names in enumerate(self.planted):
            marked = random.choice(places(names), size)
            levels[np.arange(size), layer, marked] = MARK
            for name in names:
                labels = 2 * labels + high[np.arange(size), layer, preceding(name, GRID, 2)[marked, 1].numpy()]
        levels += random.integers(-NOISE, NOISE + 1, size=levels.shape)
        if self.shuffled:
            labels = random.permutation(labels)
        images = levels.reshape(size, len(self.planted), *GRID).astype(np.uint8)
        return TensorSplit(torch.from_numpy(images), torch.from_numpy(labels))

    def is_planted(self, genotype: Genotype | Directions) -> bool:
        """Whether every layer keeps all directions planted there."""
        return self.overlap(genotype) == 1

    def overlap(self, genotype: Genotype | Directions) -> float:
        """Share of the planted directions that are kept, in [0, 1]."""
        found = genotype.directions if isinstance(genotype, Genotype) else genotype
        pairs = zip(self.planted, found, strict=True)
        return sum(len({*planted} & {*kept}) for planted, kept in pairs) / self.bits

    def ceiling(self, genotype: Genotype | Directions, taps: int = TAPS) -> float:
        """The best accuracy that any reader can have who sees only what the kept directions show.

        A bit out of sight is a fair coin: each halves the chance to name the class.

        Args:
            genotype: The directions of each layer.
            taps: Pixels that a direction shows: the marked one, and those just before it.
        """
        found = genotype.directions if isinstance(genotype, Genotype) else genotype
        hidden = [_hidden(planted, kept, taps) for planted, kept in zip(self.planted, found, strict=True)]
        return float(np.prod([p @ 0.5 ** np.arange(len(p)) for p in hidden]))


def places(planted: Sequence[str]) -> np.ndarray:
    """Where a pixel may be marked: where the planted directions have predecessors, all different."""
    before = torch.stack([preceding(name, GRID, 2)[:, 1] for name in planted]).numpy()
    ordered = np.sort(before, axis=0)
    fits = (ordered[-1] < GRID[0] * GRID[1]) & np.all(np.diff(ordered, axis=0) > 0, axis=0)
    return np.flatnonzero(fits)


def _hidden(planted: Sequence[str], kept: Sequence[str], taps: int) -> np.ndarray:
    """Distribution of the number of a layer's bits that are out of sight, (bits + 1,)."""
    marked = places(planted)
    seen = np.concatenate([preceding(name, GRID, taps)[marked, 1:].numpy() for name in kept], axis=1)
    bits = np.stack([preceding(name, GRID, 2)[marked, 1].numpy() for name in planted], axis=1)
    unseen = np.all(bits[:, :, None] != seen[:, None, :], axis=2).sum(1)
    return np.bincount(unseen, minlength=len(planted) + 1) / len(marked)


PLANTED = PlantedProblem((("v", "w2_flip"), ("h_flip", "w2"), ("h", "v_flip")))
