"""``scansearch spaces``: the search spaces there are, and what each is on a model."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scansearch.cli.console import guarded, out, print_json, table
from scansearch.cli.listing import show_listing
from scansearch.display.plain import plain
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.space import BoundSpace, LayerSpace, SearchSpace

VIEWS = ("json", "optuna", "nni")
BUDGET_ASIDE = "the budget is left aside here; `scansearch run --space SPACE --dry-run` counts the genotypes within it"


@guarded
def command(
    name: Annotated[str | None, typer.Argument(help="Show this space (a name, or a JSON or TOML file).")] = None,
    model: Annotated[str, typer.Option(help="On the layers of this model.")] = "local_vim_micro",
    image_size: Annotated[int, typer.Option(help="For square images of this side.", min=1, max=4096)] = 8,
    view: Annotated[
        str | None, typer.Option(metavar="FORM", help="Print the parameters of the space: json, optuna or nni.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List search spaces; with a name, show what each layer of a model chooses from, and how many genotypes there are.

    What they cost depends on the images: a budget is left aside.

    A space of your own is a JSON or TOML file of the same form (see `--json`), given as `--space mine.toml`, or a package's
    entry point.

    Examples:
      scansearch spaces wide32 --model local_vim_tiny --image-size 224
      scansearch spaces default8 --view nni
    """
    from scansearch.registry import MODELS, SEARCH_SPACES

    if name is None:
        _list([SEARCH_SPACES.get(found) for found in SEARCH_SPACES.names()], json=json)
        return
    if view is not None and view not in VIEWS:
        raise ScansearchError(f"--view takes {', '.join(VIEWS)}, but got {view!r}")
    from scansearch.models import ImageShape, bind_to
    from scansearch.space import find_space

    space, shape = find_space(name), ImageShape(image_size, image_size, channels=3, classes=1000)
    bound = bind_to(space, MODELS.get(model), shape)
    if json or view is not None:
        print_json(_view(space, bound, view))
        return
    out.print(
        f"[bold]{plain(space.name)}[/] on {plain(model)}, {image_size} x {image_size} pixels: {Decimal(bound.size):.3g} genotypes"
    )
    for constraint in space.constraints:
        out.print(f"every layer: {plain(constraint)}", soft_wrap=True)
    rows = [
        (
            _numbers(numbers),
            f"{layer.grid[0]} x {layer.grid[1]}",
            f"{layer.least}" if layer.least == layer.most else f"{layer.least} to {layer.most}",
            f"{layer.size:,}",
            " ".join(layer.candidates),
        )
        for numbers, layer in _alike(bound)
    ]
    out.print(table(("layers", "grid", "keep", "choices", "candidates"), rows))
    for note in (*bound.notes(), *[BUDGET_ASIDE] * (space.budget is not None)):
        out.print(f"note: {plain(note)}", soft_wrap=True)


def _list(spaces: list[SearchSpace], *, json: bool) -> None:
    cells = {"keep": lambda fact: _keep(fact["keep"]), "of": lambda fact: len(fact["candidates"])}
    more = "candidates of a space, layer by layer: `scansearch spaces NAME`"
    show_listing("space", [space.to_dict() for space in spaces], cells, json=json, more=more)


def _alike(bound: BoundSpace) -> list[tuple[list[int], LayerSpace]]:
    """Runs of equal layers: their numbers, from 1, and the first of them."""
    runs = [
        list(run)
        for _, run in groupby(range(len(bound)), key=lambda i: (bound[i].candidates, bound[i].grid, bound[i].size))
    ]
    return [([i + 1 for i in run], bound[run[0]]) for run in runs]


def _numbers(run: list[int]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}"


def _keep(keep: int | list[int]) -> str:
    return str(keep) if isinstance(keep, int) else f"{keep[0]} to {keep[1]}"


def _view(space: SearchSpace, bound: BoundSpace, view: str | None) -> Any:
    from scansearch.space import views

    if view == "nni":
        return views.nni_search_space(bound)
    if view == "optuna":
        from optuna.distributions import distribution_to_json

        return {name: distribution_to_json(d) for name, d in views.optuna_distributions(bound).items()}
    return views.describe(bound) if view == "json" else {**space.to_dict(), "bound": views.describe(bound)}
