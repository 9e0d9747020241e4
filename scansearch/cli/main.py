"""The command line: a thin skin, one file a command. Command files import heavy packages inside their functions only."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from scansearch.cli import doctor, export, models, plot, resume, run, scans, spaces, strategies
from scansearch.cli.console import DEBUG_VARIABLE

EPILOG = (
    "Start here: [bold]scansearch run --space default8 --strategy darts[/bold] searches on real images, without a GPU and "
    "without a download, and prints what to do next."
)

app = typer.Typer(
    name="scansearch",
    help="Search the scan orders of vision state-space models.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
SEARCH, LOOK = "Search", "Look around"
app.command("run", rich_help_panel=SEARCH)(run.command)
app.command("resume", rich_help_panel=SEARCH)(resume.command)
app.command("export", rich_help_panel=SEARCH)(export.command)
app.command("plot", rich_help_panel=SEARCH)(plot.command)
app.command("spaces", rich_help_panel=LOOK)(spaces.command)
app.command("strategies", rich_help_panel=LOOK)(strategies.command)
app.command("scans", rich_help_panel=LOOK)(scans.command)
app.command("models", rich_help_panel=LOOK)(models.command)
app.command("doctor", rich_help_panel=LOOK)(doctor.command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scansearch {version('scansearch')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Search the scan orders of vision state-space models."""


def main() -> None:
    """Entry point of ``scansearch``. ``--debug`` counts wherever it stands."""
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        os.environ[DEBUG_VARIABLE] = "1"
        arguments = [a for a in arguments if a != "--debug"]
    app(args=arguments)
