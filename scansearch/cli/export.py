"""``scansearch export``: a genotype in the forms that other code loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import err, guarded, out, plain
from scansearch.errors import UnsupportedError


@guarded
def command(
    source: Annotated[str, typer.Argument(help="A run folder, a genotype file, or a published genotype's name.")],
    to: Annotated[str, typer.Option(help="localmamba or json.")] = "localmamba",
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where to write.", show_default="RUN/export, or export/ here")
    ] = None,
) -> None:
    """Write a genotype in the forms that other code loads.

    `--to localmamba` writes a model function for LocalMamba's classification code and backbone settings for its detection
    and segmentation code.
    """
    from scansearch.cli.source import genotype_of
    from scansearch.registry import EXPORTERS

    genotype, exporter, run = genotype_of(source), EXPORTERS.get(to), Path(source)
    reason, written = exporter.applies(genotype), []
    if run.is_dir() and out_folder is None:
        written, gone = exporter.refresh(genotype, run / "export")
        for path in gone:
            err.print(f"[yellow]note:[/] {plain(path)} was of an earlier result and is gone", soft_wrap=True)
    elif not reason:
        written = exporter.write(genotype, out_folder or Path("export"))
    if reason:
        raise UnsupportedError(reason)
    for path in written:
        out.print(plain(path), soft_wrap=True)
