"""``scansearch plot``: the figures of a run or a genotype."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import guarded, out


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
) -> None:
    """Draw the figures of a run or a genotype, as PNG and SVG.

    The heatmap shows layers x candidates with the chosen cells marked (Fig. 4 of LocalMamba); alpha and curves show how a run
    got there. Try `scansearch plot local_vim_tiny` for the published one.
    """
    from scansearch.cli.source import genotype_of
    from scansearch.files import own_folder
    from scansearch.report import ReportSource, render

    path = Path(source)
    if path.is_dir():
        found, folder = ReportSource.open(path), out_folder or own_folder(path / "figures")
    else:
        found, folder = ReportSource(run=None, genotype=genotype_of(source), title=path.stem), out_folder or Path()
    for figure in render(found, folder, report or None):
        out.print(str(figure), soft_wrap=True)
