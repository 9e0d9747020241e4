"""``scansearch resume``: continue an interrupted run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import guarded, out


@guarded
def command(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
) -> None:
    """Continue an interrupted run, bit for bit.

    The run goes on from its newest undamaged checkpoint and ends with the same metrics.csv and the same genotype as if it
    had never stopped (on the same machine with the same number of threads).
    """
    from scansearch.cli.interrupted import resumable
    from scansearch.cli.run_summary import finish
    from scansearch.display.progress import display
    from scansearch.searching.assemble import resume

    with resumable(run):
        with display(out) as listener:
            genotype = resume(run, listener)
        finish(run, genotype, listener)
