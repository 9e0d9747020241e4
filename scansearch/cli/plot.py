"""``scansearch plot``: the figures of a run or a genotype."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import err, guarded, out
from scansearch.cli.interrupted import saying
from scansearch.cli.program import runnable
from scansearch.display.plain import plain


@guarded
def command(
    source: Annotated[str, typer.Argument(help="A run folder, a genotype file, or a published genotype's name.")],
    report: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="heatmap, alpha, curves, judged or front; repeatable.", show_default="all that apply"
        ),
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
    from scansearch.cli.source import genotype_of
    from scansearch.figures.report import ReportSource, refusals, render, title_of
    from scansearch.files import own_folder

    path = Path(source)
    if path.is_dir():
        found, folder = ReportSource.open(path), out_folder or own_folder(path / "figures")
    else:
        found, folder = ReportSource(run=None, genotype=genotype_of(source), title=title_of(path)), out_folder or Path()
    with saying(lambda: "stopped while drawing; figures that are there are whole, and the same command draws the rest"):
        figures = render(found, folder, report or None, overwrite=overwrite)
    for figure in figures:
        out.print(plain(figure), soft_wrap=True)
    reasons = refusals(found, report or None)
    for reason in dict.fromkeys(reasons.values()):
        names = ", ".join(name for name in reasons if reasons[name] == reason)
        err.print(f"[dim]not drawn: {names}: {plain(runnable(reason))}[/]", soft_wrap=True)
