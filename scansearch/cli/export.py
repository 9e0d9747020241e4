"""``scansearch export``: a genotype in the forms that other code loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import err, guarded, out
from scansearch.display.plain import plain
from scansearch.errors import UnsupportedError


@guarded
def command(
    source: Annotated[str, typer.Argument(help="A run folder, a genotype file, or a published genotype's name.")],
    to: Annotated[str, typer.Option(help="One of `scansearch exporters`.")] = "localmamba",
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where to write.", show_default="RUN/export, or export/ here")
    ] = None,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Write initial weights where there are no trained ones.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace other files of the same names outside of RUN/export.")
    ] = False,
) -> None:
    """Write a genotype, or a trained network, in the forms that other code loads.

    `--to localmamba` writes a model function for LocalMamba's classification code and settings for its detection and segmentation
    code; `--to plain` one file of plain PyTorch. Outside of RUN/export, the files' names tell the source.
    """
    from scansearch.export.derived import DerivedNetwork, trained_weights
    from scansearch.figures.sources import title_of
    from scansearch.files import own_folder
    from scansearch.genotype import find_genotype
    from scansearch.outputs import place
    from scansearch.registry import EXPORTERS
    from scansearch.unfinished import draft_folder

    exporter, path = EXPORTERS.get(to), Path(source)
    genotype = find_genotype(source)
    network = DerivedNetwork(genotype, trained_weights(path, genotype), title_of(path))
    if untrained and network.weights is None:
        network = network.with_initial_weights()
    reason = exporter.applies(network)
    own = own_folder(path / "export") if path.is_dir() else None
    folder = out_folder or own or Path("export")
    refreshed = own is not None and folder.resolve() == own.resolve()
    if own is not None and refreshed:
        written, gone = exporter.refresh(network, own)
        for old in gone:
            err.print(f"[yellow]note:[/] {plain(old)} was of an earlier result and is gone", soft_wrap=True)
    if reason:
        raise UnsupportedError(reason)
    if not refreshed:
        with draft_folder() as draft:
            files = {str(made.relative_to(draft)): made.read_bytes() for made in exporter.write(network, draft)}
        written = place(files, folder, source=title_of(path), overwrite=overwrite)
    for made in written:
        out.print(plain(made), soft_wrap=True)
