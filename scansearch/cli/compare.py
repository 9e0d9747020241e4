"""``scansearch compare``: a trained genotype beside random ones that are trained as it was."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scansearch.cli.console import err, guarded, out, print_json
from scansearch.cli.one_part import do_one
from scansearch.display.plain import plain
from scansearch.shape import measure_text

if TYPE_CHECKING:
    from scansearch.runs.comparison_json import Comparison

LEVEL = 0.05
BAR = 24


@guarded
def command(
    run: Annotated[Path, typer.Argument(help="The run folder of a training that is done (`scansearch train`).")],
    random: Annotated[
        int, typer.Option(min=1, max=1000, help="Random genotypes; 19 can show p = 0.05, 4 no less than 0.2.")
    ] = 4,
    space: Annotated[
        str | None,
        typer.Option(help="Space of the random ones (`scansearch spaces`).", show_default="that of the search"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings at a time.", show_default="2 on a CPU of several cores, else 1"),
    ] = None,
    only: Annotated[
        int | None,
        typer.Option(min=1, help="Train this one only, on another machine say; then `compare RUN` does the rest."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="JSON for other programs; with --only, a line for each event.")
    ] = False,
) -> None:
    """Say whether a genotype is better than random ones, by training them as it was trained.

    Random genotypes are drawn from the space of the search; they keep as many directions in each layer as the one that was found. Each
    is trained in RUN/random/1, 2, ... with the settings of the run and a seed of its own, and all are evaluated on the test images.
    The result, with an exact p, goes into comparison.json. Ctrl-C is safe: the same command goes on where it stopped, and with a larger
    --random it adds to what is there. Choose the number before you look: p is exact for one look.

    Examples:
      scansearch compare runs/first-trained
      scansearch compare runs/first-trained --random 19 --jobs 4
    """
    from scansearch.cli.interrupted import saying
    from scansearch.comparing.with_random import Against, compare_with_random
    from scansearch.display.bars import bars

    wanted = Against(run, random, space, jobs)
    if only is not None:
        do_one(wanted.one(only), f"random {only} is trained; `{wanted.command}` compares all", json=json)
        return
    with saying(lambda: f"stopped; all that was saved is kept: continue with `{wanted.command}`"):
        with bars("random", err if json else out) as shown:
            found = compare_with_random(wanted, shown.listener)
        if json:
            print_json({"run": str(run), "p": found.p, **found.model_dump(mode="json", by_alias=True)})
        else:
            _show(run, found)


def _show(run: Path, found: Comparison) -> None:
    rows = [("found", found.found), *((f"random {number}", other) for number, other in enumerate(found.random, 1))]
    best, width = max(row.worth for _, row in rows) or 1.0, max(len(name) for name, _ in rows)
    out.print(
        f"\n[bold]{measure_text(found.measure)} on {found.images:,} test images of {plain(found.data)}[/]",
        soft_wrap=True,
    )
    for name, row in rows:
        style = "bold" if row is found.found else "dim"
        out.print(
            f"  [{style}]{name:<{width}}  {row.worth:7.2%}  {'━' * round(BAR * row.worth / best)}[/]", soft_wrap=True
        )
    count = len(found.random)
    below = count - found.as_good
    lines = [
        f"\nthe genotype that was found is better than {below} of {count} random genotype{'s' * (count > 1)} of space "
        f"{plain(found.space)}, trained as it was: p = {found.p:.2g}, the chance that a random one would rank as high"
    ]
    if 1 / (1 + count) > LEVEL:
        needed = ceil(1 / LEVEL) - 1
        lines += [
            f"{count} random one{'s' * (count > 1)} can show no less than p = {1 / (1 + count):.2g}; --random {needed} reaches {LEVEL}"
        ]
    if found.measure == "accuracy":  # pixels of an image are not independent
        error = (found.found.top1 * (1 - found.found.top1) / found.images) ** 0.5 if found.images else 0.0
        lines += [
            f"the standard error of the first accuracy is {error:.2%} (so many test images; that of training another seed comes on top)"
        ]
    for line in [*lines, f"\n[bold]{plain(run)}[/]"]:
        out.print(line, soft_wrap=True)
    for name in ("comparison.json", "random"):
        out.print(f"  {name}", style="dim")
