"""``scansearch export``: a genotype in the forms that other code loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import guarded, out


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
    from scansearch.files import own_folder
    from scansearch.registry import EXPORTERS

    genotype = genotype_of(source)
    folder = out_folder or (own_folder(Path(source) / "export") if Path(source).is_dir() else Path("export"))
    for path in EXPORTERS.get(to).write(genotype, folder):
        out.print(str(path), soft_wrap=True)
