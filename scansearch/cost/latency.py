"""What directions cost on this machine, in milliseconds.

Whole networks are timed, each with other directions in its layers, so any backbone will do. The time of a network is then
explained as a fixed part and a part for each direction that a layer runs, by non-negative least squares. Layers that are
alike (same place, same grid, same candidates) run the same directions in a network and have the same costs: with 20 of
them a direction shows 20 times as clearly. What no direction changes cannot be told apart in this way and is all in
``fixed``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any

import numpy as np

from scansearch.cost.cost_table import CostTable, LayerCost
from scansearch.errors import ScansearchError
from scansearch.models import Directions, ImageShape, ModelSpec

Measure = Callable[[list[tuple[str, ...]]], float]
"""Milliseconds of the network that runs these directions, layer by layer."""
ProgressBar = Callable[[int, int], None]
"""Told how many of how many measurements are done."""
Kinds = dict[Hashable, tuple[str, ...]]
"""The candidates of every kind of layer."""
PROBES_PER_UNKNOWN = 2
MOST_UNKNOWNS = 1000  # costs of one table: each takes two networks, which are built and timed in every round
SEED = 0


def latency_table(
    spec: ModelSpec,
    candidates: Directions,
    shape: ImageShape,
    *,
    batch_size: int = 8,
    repeats: int = 5,
    most: int = 4,
    training: bool = False,
    device: str = "auto",
    progress: ProgressBar | None = None,
    measure: Measure | None = None,
) -> CostTable:
    """Measures what directions cost on this machine.

    Each round times all networks once, in turn, so whatever else the machine does hits all of them; the median over the
    rounds counts. The table's ``spread`` and ``residual`` say how far to trust it.

    Args:
        spec: The model.
        candidates: The directions of each layer that get a cost.
        shape: The images and the classes.
        batch_size: Images in a batch.
        repeats: Rounds.
        most: Layers of the timed networks run 1 to so many directions; costs are most accurate for such networks.
        training: Time a forward and a backward pass instead of inference.
        device: ``"auto"`` (the GPU if there is one), ``"cpu"``, ``"cuda"``, ...
        progress: Told how far it is.
        measure: What times a network; by default a ``Stopwatch`` on ``device``.

    Returns:
        A table in milliseconds a batch.

    Raises:
        ScansearchError: If the number of layers is wrong, there are too many costs to measure, or the device does not work.
    """
    infos = spec.layers(shape)
    if len(candidates) != len(infos):
        raise ScansearchError(f"{spec.name} has {len(infos)} layers, but candidates for {len(candidates)} were given")
    keys = [(info, tuple(names)) for info, names in zip(infos, candidates, strict=True)]
    kinds: Kinds = {key: key[1] for key in keys}
    design = _design(kinds, most)
    with nullcontext() if measure else _settings():
        watch = measure or _stopwatch(spec, shape, batch_size, device, training)
        source = watch.describe() if hasattr(watch, "describe") else "a measure of one's own"
        networks = [[probe[key] for key in keys] for probe in design]
        times = _rounds(watch, networks, repeats, progress or (lambda done, total: None))
    fixed, costs, residual = _fit(design, Counter(keys), kinds, np.median(times, axis=0))
    layers = [LayerCost(grid=info.grid, base=0, directions=costs[info, names]) for info, names in keys]
    low, high = np.percentile(times, [25, 75], axis=0)
    return CostTable(
        unit="ms",
        source=f"{source}; medians of {repeats} rounds",
        model=spec.name,
        image_size=shape.size,
        fixed=fixed,
        layers=tuple(layers),
        spread=float(np.median(high - low)),
        residual=residual,
    )


def _settings() -> Any:
    from scansearch.machine.numerics import run_numerics

    return run_numerics()


def _stopwatch(spec: ModelSpec, shape: ImageShape, batch_size: int, device: str, training: bool) -> Any:
    from scansearch.cost.stopwatch import Stopwatch, find_device

    return Stopwatch(spec, shape, batch_size=batch_size, device=find_device(device), training=training)


def _design(kinds: Kinds, most: int) -> list[dict[Hashable, tuple[str, ...]]]:
    """Directions for every kind of layer, network by network, from which all costs can be told apart.

    The numbers of directions are random, independently for each kind; among the candidates those used least come first.
    """
    generator = np.random.default_rng(SEED)
    used = {key: np.zeros(len(names), dtype=int) for key, names in kinds.items()}
    # A kind with a single candidate always runs it: that cost cannot be told from the fixed one.
    unknowns = 1 + sum(len(names) for names in kinds.values() if len(names) > 1)
    if unknowns > MOST_UNKNOWNS:
        raise ScansearchError(
            f"at most {MOST_UNKNOWNS:,} costs are measured together, but the candidates of layers that differ are {unknowns:,}; "
            "take fewer candidates"
        )
    design: list[dict[Hashable, tuple[str, ...]]] = []
    while len(design) < PROBES_PER_UNKNOWN * unknowns or _rank(design, kinds) < unknowns:
        probe = {}
        for key, names in kinds.items():
            number = generator.integers(1, min(max(most, 2), len(names)), endpoint=True)
            chosen = np.sort(np.lexsort((generator.random(len(names)), used[key]))[:number])
            used[key][chosen] += 1
            probe[key] = tuple(names[i] for i in chosen)
        design.append(probe)
    return design


def _rank(design: list[dict[Hashable, tuple[str, ...]]], kinds: Kinds) -> int:
    return int(np.linalg.matrix_rank(_matrix(design, Counter(kinds.keys()), kinds)))


def _matrix(design: list[dict[Hashable, tuple[str, ...]]], layers: Counter[Any], kinds: Kinds) -> np.ndarray:
    """A row a network: 1, then for each kind and candidate the number of layers that run it."""
    rows = [
        [1, *(layers[key] * (name in probe[key]) for key, names in kinds.items() for name in names)] for probe in design
    ]
    return np.array(rows, dtype=np.float64)


def _rounds(measure: Measure, networks: list[list[tuple[str, ...]]], repeats: int, progress: ProgressBar) -> np.ndarray:
    """Milliseconds, (repeats, networks)."""
    times = np.empty((repeats, len(networks)))
    for number in range(repeats):
        for i, directions in enumerate(networks):
            progress(number * len(networks) + i, times.size)
            times[number, i] = measure(directions)
    progress(times.size, times.size)
    return times


def _fit(
    design: list[dict[Hashable, tuple[str, ...]]], layers: Counter[Any], kinds: Kinds, times: np.ndarray
) -> tuple[float, dict[Any, dict[str, float]], float]:
    """The fixed cost, each kind's costs, and the root mean square of what they leave unexplained."""
    from scipy.optimize import nnls

    matrix = _matrix(design, layers, kinds)
    solution, norm = nnls(matrix, times)
    values = iter(solution.tolist())
    fixed = next(values)
    costs = {key: {name: next(values) for name in names} for key, names in kinds.items()}
    return fixed, costs, float(norm / np.sqrt(len(times)))
