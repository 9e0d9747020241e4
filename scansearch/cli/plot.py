"""``scansearch plot``: the figures of a run or a genotype, or of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scansearch.cli.console import err, guarded, out
from scansearch.cli.interrupted import saying
from scansearch.cli.program import runnable
from scansearch.display.plain import plain

if TYPE_CHECKING:
    from scansearch.figures.sources import RunSource


@guarded
def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A run folder, a genotype file, or a published genotype's name; several for figures that compare them.",
        ),
    ],
    figure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One of `scansearch figures`; repeatable.", show_default="all that apply"),
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where to write.", show_default="RUN/figures, or here")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace other files of the same names outside of RUN/figures.")
    ] = False,
) -> None:
    """Draw the figures of a run or a genotype, as PNG and SVG.

    Outside of RUN/figures, their names begin with the source's: `first-heatmap.png`.

    The heatmap shows layers x candidates with the chosen cells marked (Fig. 4 of LocalMamba); alpha and curves show how a run
    got there. Try `scansearch plot local_vim_tiny` for the published one.
    """
    from scansearch.figures.render import refusals, render
    from scansearch.figures.sources import RunsSource
    from scansearch.files import own_folder

    opened = [_open(source) for source in sources]
    found = opened[0] if len(opened) == 1 else RunsSource(tuple(opened))
    run = opened[0].run if len(opened) == 1 else None
    folder = out_folder or (own_folder(run / "figures") if run else Path())
    with saying(lambda: "stopped while drawing; figures that are there are whole, and the same command draws the rest"):
        written = render(found, folder, figure or None, overwrite=overwrite)
    for path in written:
        out.print(plain(path), soft_wrap=True)
    reasons = refusals(found, figure or None)
    for reason in dict.fromkeys(reasons.values()):
        names = ", ".join(name for name in reasons if reasons[name] == reason)
        err.print(f"[dim]not drawn: {names}: {plain(runnable(reason))}[/]", soft_wrap=True)


def _open(source: str) -> RunSource:
    from scansearch.figures.sources import RunSource, title_of
    from scansearch.genotype import find_genotype

    path = Path(source)
    if path.is_dir():
        return RunSource.open(path)
    return RunSource(run=None, genotype=find_genotype(source), title=title_of(path))
