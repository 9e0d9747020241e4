"""``scansearch scans``: the scan orders there are, what they are like, and pictures of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from scansearch.cli.console import guarded, out, print_json
from scansearch.cli.listing import show_listing
from scansearch.display.plain import plain
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.scans import ScanFamily

SIMILARITY = "similarity"
DEFAULT_GRID = "14x14"
VARIANTS = "every order also comes transposed (_t), mirrored (_lr, _ud) and backwards (_flip)"
WIDEST_TABLE = 100  # columns of a terminal
COLUMNS = {
    "unit_steps": "unit steps",
    "mean_step": "mean step",
    "mean_neighbour_distance": "neighbours: mean",
    "bandwidth": "largest",
    "structural_distortion": "distortion",
}

Grid = tuple[int, int]


class Picture(NamedTuple):
    """What is drawn, with what options, and where it goes."""

    figure: str
    options: dict[str, str]
    folder: Path
    overwrite: bool


@guarded
def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="One order to look at, for example w2_flip, or several to compare."),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            help="Rows x columns of the tokens; without a name, list all with measures on this grid.",
            show_default=f"{DEFAULT_GRID} with a name",
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            metavar="FIGURE",
            help="Picture of the named orders, or of the whole catalogue: gallery, similarity, or another of `scansearch figures`.",
            show_default="path of one order, similarity of several",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="How to compare: tau (Kendall's) or adjacency.", show_default="tau"),
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where pictures go.", show_default="here")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace pictures of the same name that show something else.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs, and no picture.")] = False,
) -> None:
    """List scan orders, with --grid also how local they are; with a name, show and draw when each token of a grid is visited.

    With several names, compare them. Unit steps go to a neighbour on the grid; neighbours shows how far apart in the sequence
    they come on average and at most; distortion is sequence distance by grid distance, averaged over all pairs of tokens.
    """
    size, chosen = parse_grid(grid or DEFAULT_GRID), list(dict.fromkeys(names or []))
    if figure:
        _check_figure(figure)
    if figure and not chosen:
        chosen = _catalogue(size)
    drawn = figure or (SIMILARITY if len(chosen) > 1 else "path")
    _check_options(chosen, drawn, by, out_folder, json)
    picture = None if json else Picture(drawn, {"measure": by} if by else {}, out_folder or Path(), overwrite)
    if len(chosen) > 1:
        _compare(chosen, size, picture)
    elif chosen:
        _show(chosen[0], size, picture)
    elif grid:
        _measure_all(size, json)
    else:
        _list(json)


def parse_grid(text: str) -> Grid:
    """(rows, columns) from ``14x14``, each 1 to 1024."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if not match or not all(1 <= int(n) <= 1024 for n in match.groups()):
        raise ScansearchError(f"a grid is ROWSxCOLUMNS, each 1 to 1024, for example 14x14, but got {text!r}")
    return int(match[1]), int(match[2])


def _check_figure(name: str) -> None:
    from scansearch.figures.figure import find_figure
    from scansearch.figures.scan_source import ScanSource

    find_figure(name, ScanSource)


def _check_options(names: Sequence[str], figure: str, by: str | None, folder: Path | None, json: bool) -> None:
    if by and figure != SIMILARITY:
        raise ScansearchError(f"--by {by} says how orders are compared; name several, or add --figure {SIMILARITY}")
    if folder and (json or not names):
        raise ScansearchError(f"no picture is drawn here for --out {folder}; name an order, and leave --json out")


def _catalogue(grid: Grid) -> list[str]:
    from scansearch.figures.scan_source import catalogue

    _check_measured(1, grid)  # before the catalogue is laid out on a grid that is too large
    return catalogue(*grid)


def _check_measured(orders: int, grid: Grid) -> None:
    from scansearch.scans.locality import check_measured

    check_measured(orders, *grid)


def _list(json: bool) -> None:
    cells = {"examples": lambda fact: " ".join(fact["examples"])}
    more = f"{VARIANTS}; how local all of these are: `scansearch scans --grid {DEFAULT_GRID}`, one: `scansearch scans NAME`"
    show_listing("family", [_facts(family) for family in _families()], cells, json=json, more=more)


def _families() -> list[ScanFamily]:
    from scansearch.registry import SCAN_ORDERS

    return [SCAN_ORDERS.get(name) for name in SCAN_ORDERS.names()]


def _facts(family: ScanFamily) -> dict[str, Any]:
    return {"name": family.name, "examples": list(family.examples), "description": family.description}


def _measure_all(grid: Grid, json: bool) -> None:
    families = _families()
    _check_measured(sum(len(family.examples) for family in families), grid)
    measures = {family.name: _measures(family.examples, grid) for family in families}
    if json:
        print_json([{**_facts(f), "grid": list(grid), "measures": measures[f.name]} for f in families])
        return
    width = _print_header((name for found in measures.values() for name in found), grid)
    for family in families:
        out.print(f"[bold]{plain(family.name)}[/]  {plain(family.description)}")
        _print_measures(measures[family.name], width)
    out.print(f"\n{VARIANTS}", soft_wrap=True)


def _show(name: str, grid: Grid, picture: Picture | None) -> None:
    from scansearch.scans import ScanOrder

    order, measures = ScanOrder(name), _measures([name], grid)
    if picture is None:
        indices = order.indices(*grid).tolist()
        print_json({"name": name, "grid": list(grid), "indices": indices, "measures": measures[name]})
        return
    written = _draw([name], grid, picture)
    also = f", which is {plain(order.canonical)}" if order.canonical != name else ""
    out.print(f"[bold]{plain(name)}[/]{also} on {grid[0]} x {grid[1]}: when each token is visited", soft_wrap=True)
    digits = len(str(grid[0] * grid[1] - 1))
    if (digits + 2) * grid[1] - 2 <= WIDEST_TABLE:
        for row in order.inverse(*grid).view(grid).tolist():
            out.print("  ".join(f"{place:>{digits}}" for place in row), soft_wrap=True)
    else:
        out.print("(too wide a grid to print; --json has it)")
    if remark := order.remark(*grid):
        out.print(f"note: {plain(remark)}", soft_wrap=True)
    out.print()
    _print_measures(measures, _print_header([name], grid))
    _print_paths(written)


def _compare(names: Sequence[str], grid: Grid, picture: Picture | None) -> None:
    from scansearch.scans.locality import redundant, similarity

    if picture is None:
        tau, adjacency = similarity(names, *grid)
        facts: dict[str, Any] = {"grid": list(grid), "names": list(names)}
        facts |= {"kendall_tau": tau.tolist(), "shared_adjacency": adjacency.tolist()}
        print_json({**facts, "redundant": redundant(names, *grid), "measures": _measures(names, grid)})
        return
    _check_measured(len(names), grid)
    written = _draw(names, grid, picture)
    _print_measures(_measures(names, grid), _print_header(names, grid))
    for first, second, how in redundant(names, *grid):
        says = "is the same as" if how == "identical" else "is the reverse of"
        out.print(plain(f"{second} {says} {first}"), soft_wrap=True)
    _print_paths(written)


def _measures(names: Sequence[str], grid: Grid) -> dict[str, dict[str, float]]:
    from dataclasses import asdict

    from scansearch.scans.locality import measure

    return {name: asdict(measure(name, *grid)) for name in names}


def _print_header(names: Iterable[str], grid: Grid) -> int:
    """Prints the heads of the columns; returns how wide the first one is."""
    corner = f"on {grid[0]} x {grid[1]}"
    width = max(len(corner), *(len(name) + 2 for name in names))
    out.print(
        f"[bold]{corner:<{width}}{''.join(f'{head:>{len(head) + 2}}' for head in COLUMNS.values())}[/]", soft_wrap=True
    )
    return width


def _print_measures(measures: dict[str, dict[str, float]], width: int) -> None:
    from scansearch.figures.scan_paths import percent

    for name, found in measures.items():
        cells = {key: f"{found[key]:.2f}" for key in COLUMNS}
        cells |= {"unit_steps": percent(found["unit_steps"], 1), "bandwidth": f"{found['bandwidth']:,}"}
        line = "".join(f"{cells[key]:>{len(head) + 2}}" for key, head in COLUMNS.items())
        out.print(plain(f"{f'  {name}':<{width}}{line}"), soft_wrap=True)


def _draw(names: Sequence[str], grid: Grid, picture: Picture) -> list[Path]:
    from scansearch.figures.render import render
    from scansearch.figures.scan_source import ScanSource

    source = ScanSource(tuple(names), grid)
    return render(source, picture.folder, [picture.figure], overwrite=picture.overwrite, **picture.options)


def _print_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        out.print(plain(path), soft_wrap=True)
