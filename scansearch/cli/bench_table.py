"""What ``scansearch bench`` tells of a cost table: by layer, by direction, and of the whole network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from scansearch.cli.console import out, table
from scansearch.display.plain import plain

if TYPE_CHECKING:
    from scansearch.cost import CostTable
    from scansearch.cost.cost_table import LayerCost
    from scansearch.space import LayerSpace

MOST_SIDE = 12
"""Directions up to twice as many of which are listed; of more, so many of the cheapest and of the dearest."""


def _groups(costs: CostTable) -> list[tuple[list[int], LayerCost]]:
    """Layers that follow each other and cost the same, by their numbers from 1."""
    groups = groupby(enumerate(costs.layers, start=1), key=lambda entry: entry[1])
    return [([number for number, _ in group], layer) for layer, group in groups]


def ranking(costs: CostTable) -> list[dict[str, Any]]:
    """For layers that cost the same, from the first on, the directions from the cheapest to the dearest."""
    return [
        {
            "layers": numbers,
            "grid": list(layer.grid),
            "directions": [
                {"direction": n, "cost": c} for n, c in sorted(layer.directions.items(), key=lambda x: x[1])
            ],
        }
        for numbers, layer in _groups(costs)
    ]


def show(costs: CostTable, facts: dict[str, float], layers: Sequence[LayerSpace]) -> None:
    """Prints what layers, directions and the whole network cost."""
    rows = []
    for numbers, layer in _groups(costs):
        prices = list(layer.directions.values())
        cells = [_amount(value, costs.unit) for value in (min(prices), median(prices), max(prices))]
        base = _amount(layer.base, costs.unit) if costs.unit == "FLOPs" else "in the rest"
        rows.append((_span(numbers), f"{layer.grid[0]} x {layer.grid[1]}", len(prices), base, *cells))
    source = f"FLOPs by formula {costs.source}" if costs.unit == "FLOPs" else costs.source
    size = f"{costs.image_size[0]} x {costs.image_size[1]}"
    out.print(f"[bold]{plain(costs.model)}[/], {size} images; {plain(source)}\n", soft_wrap=True)
    out.print(table(("layers", "tokens", "candidates", "base", "a direction: least", "median", "most"), rows))
    _show_directions(costs)
    _show_network(costs, facts, layers)


def _show_directions(costs: CostTable) -> None:
    """What each direction costs, in layers of each shape: the mean over them, the cheapest of the first shape on top."""
    by_grid: dict[tuple[int, int], dict[str, list[float]]] = {}
    for layer in costs.layers:
        for name, cost in layer.directions.items():
            by_grid.setdefault(layer.grid, {}).setdefault(name, []).append(cost)
    shapes = {grid: {name: mean(found) for name, found in names.items()} for grid, names in by_grid.items()}
    out.print()
    if all(len(set(prices.values())) == 1 for prices in shapes.values()):
        out.print("all directions of a layer cost the same")
        return
    names = sorted(
        dict.fromkeys(n for prices in shapes.values() for n in prices), key=lambda n: _rank(n, shapes.values())
    )
    shown = names if len(names) <= 2 * MOST_SIDE else [*names[:MOST_SIDE], *names[-MOST_SIDE:]]
    heads = [f"on {height} x {width}" for height, width in shapes]
    cells = [[_amount(p[n], costs.unit) if n in p else "-" for p in shapes.values()] for n in shown]
    out.print(table(("direction", *heads), [(n, *row) for n, row in zip(shown, cells, strict=True)]))
    if len(shown) < len(names):
        out.print(
            f"the {MOST_SIDE} cheapest and the {MOST_SIDE} dearest; --json and --out tell the {len(names) - len(shown)} "
            "between them too",
            soft_wrap=True,
        )


def _rank(name: str, shapes: Iterable[dict[str, float]]) -> float:
    """How dear a direction is: its cost over that of the dearest, in the mean over the shapes that have it."""
    return mean(prices[name] / (max(prices.values()) or 1) for prices in shapes if name in prices)


def _show_network(costs: CostTable, facts: dict[str, float], layers: Sequence[LayerSpace]) -> None:
    cheapest, dearest = (_amount(facts[name], costs.unit) for name in ("cheapest", "dearest"))
    keep = _span(sorted({n for layer in layers for n in (layer.least, layer.most)}))
    whole = cheapest if cheapest == dearest else f"{cheapest} to {dearest}"
    out.print(f"\nwhole network that keeps {keep} a layer: [bold]{whole}[/]; directions are {facts['share']:.0%} of it")
    if "genotype" in facts:
        out.print(f"this genotype: [bold]{_amount(facts['genotype'], costs.unit)}[/]")
    if costs.spread is not None and costs.residual is not None:
        out.print(
            f"the same network varies by {_amount(costs.spread, costs.unit)} from round to round (interquartile), and sums of "
            f"these costs are off by {_amount(costs.residual, costs.unit)} (root mean square); more --repeats and a quiet "
            "machine make both less"
        )


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"


def _amount(value: float, unit: str) -> str:
    if unit == "ms":
        return f"{value:,.3g} ms" if value < 100 else f"{value:,.0f} ms"
    return f"{value / 1e9:,.3f} G" if value >= 1e9 else f"{value / 1e6:,.3f} M"
