"""``scansearch confirm``: how much of a genotype comes back on separate halves of the images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scansearch.cli.console import complain, err, guarded, out, print_json
from scansearch.cli.one_part import do_one
from scansearch.display.plain import plain

if TYPE_CHECKING:
    from scansearch.comparing.confirmation import Confirmation
    from scansearch.genotype import Genotype


@guarded
def command(
    run: Annotated[Path, typer.Argument(help="The run folder of a search that is done.")],
    pairs: Annotated[
        int, typer.Option(min=1, max=100, help="Pairs of halves; 5 or more for claims about single directions.")
    ] = 1,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of each half.", show_default="those of the run")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Halves searched at a time.", show_default="2 on a CPU of several cores, else 1"),
    ] = None,
    half: Annotated[
        int | None,
        typer.Option(
            min=1, max=200, help="Search this half only, on another machine say; then `confirm RUN` does the rest."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="JSON for other programs; with --half, a line for each event.")
    ] = False,
) -> None:
    """Say how sure a genotype is, by searching anew on separate halves of the images.

    The training and validation images are split in two, by class; each half is searched with a seed of its own and otherwise as
    the run was, in RUN/confirm/half-1 and half-2. What both halves and the run chose is confirmed, if the halves agree more than
    chance would have them. The result goes into the run's genotype.json and heatmap. Both halves together take about as long as
    the run. Ctrl-C is safe: the same command goes on where it stopped.

    Examples:
      scansearch confirm runs/first
      scansearch confirm runs/first --pairs 5 --jobs 4
    """
    from scansearch.cli.interrupted import saying
    from scansearch.comparing.confirmation import Confirmation, confirm
    from scansearch.display.bars import bars

    wanted = Confirmation(run, pairs, epochs, jobs)
    if half is not None:
        _search_one(wanted, half, json=json)
        return
    with saying(lambda: f"stopped; all that was saved is kept: continue with `{wanted.command}`"):
        with bars("half", err if json else out) as shown:
            genotype = confirm(wanted, shown.listener)
        _show(run, genotype, json=json)


def _search_one(wanted: Confirmation, number: int, *, json: bool) -> None:
    from scansearch.comparing.confirmation import searched_run, space_of
    from scansearch.training.events import Silent

    run = searched_run(wanted.path)
    half = wanted.half(run, number)
    done = f"half {number} is done; `{wanted.command}` says what both halves agree on"
    do_one(half, done, json=json, before=lambda: space_of(run, Silent()))  # which refuses other images than the run's


def _show(run: Path, genotype: Genotype, *, json: bool) -> None:
    """Draws the run's figures anew, then prints its genotype and what was found of it."""
    import json as encoding

    from scansearch.cli.genotype_table import show_genotype
    from scansearch.finish import finish

    done = finish(run, genotype)
    if json:
        told = encoding.loads(genotype.to_json())
        print_json({"run": str(run), "directions": genotype.directions, "confirmed": told["confirmed"]})
    else:
        show_genotype(genotype)
        out.print(f"\n[bold]{plain(run)}[/]", soft_wrap=True)
        for path in (run / "genotype.json", *(path for path in done.files if path.stem == "heatmap"), run / "confirm"):
            out.print(f"  {plain(path.relative_to(run))}", style="dim")
    for line in done.failures:
        complain(line, 0)
