"""The command line: a thin skin, one file a command. Command files import heavy packages inside their functions only."""

from __future__ import annotations

import inspect
import os
import sys
from importlib.metadata import version
from types import ModuleType
from typing import Annotated

import typer

from scansearch.cli import (
    bench,
    compare,
    confirm,
    datasets,
    doctor,
    estimate,
    evaluate,
    export,
    exporters,
    figures,
    models,
    plot,
    resume,
    run,
    scans,
    spaces,
    strategies,
    train,
)
from scansearch.cli.console import DEBUG_VARIABLE
from scansearch.cli.program import program
from scansearch.cli.usage import OneLineGroup, unwrapped
from scansearch.machine.before_torch import set_variables
from scansearch.machine.launched import launched

EPILOG = (
    f"Start here: [bold]{program()} run --space default8 --strategy darts[/bold] searches on real images, without a GPU and "
    "without a download, and prints what to do next."
)

app = typer.Typer(
    name="scansearch",
    cls=OneLineGroup,
    help="Search the scan orders of vision state-space models.",
    epilog=EPILOG,
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PANELS: dict[str, tuple[ModuleType, ...]] = {
    "Search": (run, estimate, resume, confirm, export, plot),
    "The final network": (train, evaluate, compare),
    "Look around": (spaces, strategies, scans, models, datasets, exporters, figures, bench, doctor),
}
for panel, modules in PANELS.items():
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        app.command(name, rich_help_panel=panel, help=unwrapped(inspect.cleandoc(module.command.__doc__ or "")))(
            module.command
        )


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scansearch {version('scansearch')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Search the scan orders of vision state-space models."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Runs a command line. ``--debug`` counts wherever it stands."""
    set_variables()
    if launched():  # that no branch happened to rest in the first step is no news, and there it is said once a process
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        os.environ[DEBUG_VARIABLE] = "1"
        arguments = [a for a in arguments if a != "--debug"]
    app(args=arguments)
