"""``scansearch train``: the final network of a genotype."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scansearch.cli.console import guarded, out
from scansearch.cli.program import program
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.display.progress import Shielded
    from scansearch.genotype import Genotype
    from scansearch.runs.config import RunConfig


@guarded
def command(
    genotype: Annotated[
        str, typer.Option(metavar="SOURCE", help="A run folder, a genotype file, or a published genotype's name.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Model to train (`scansearch models`).", show_default="the genotype's")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set (`scansearch datasets`).", show_default="that of the search")
    ] = None,
    data_root: Annotated[str | None, typer.Option(help="Folder (or file) of the data; digits needs none.")] = None,
    recipe: Annotated[str, typer.Option(help="How it is trained: laptop, imagenet, or a TOML file.")] = "laptop",
    inherit: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Begin with the weights of a search's supernet or of a training (a run folder), or of a file.",
            show_default="fresh weights",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training data.", show_default="the recipe's")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a step.", show_default="the recipe's")] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, help="Processes that share every batch, each with a device.", show_default="1")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    name: Annotated[
        str | None, typer.Option(help="The run folder is runs/NAME.", show_default="GENOTYPE-trained")
    ] = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="The run folder.", show_default="runs/NAME")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Any setting (--dry-run shows all), such as lr=0.01; repeatable."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show all settings; read no images, write nothing.")
    ] = False,
) -> None:
    """Train the network of a genotype from scratch, and keep its weights.

    Model, options and image size are those of the genotype, where it tells them. The run folder then holds weights.safetensors,
    the accuracy of every epoch and a model card. Test images are not touched: `scansearch evaluate` does that. Ctrl-C is safe:
    `scansearch resume` goes on where it stopped, bit for bit. Flags win over --recipe, --recipe over the laptop recipe.

    Examples:
      scansearch train --genotype runs/first
      scansearch train --genotype runs/first --recipe mine.toml --epochs 60 --set drop_path=0.1
      scansearch train --genotype local_vim_tiny --data cifar10 --recipe imagenet
      scansearch train --genotype runs/first --inherit runs/first
    """
    from scansearch.genotype import find_genotype
    from scansearch.retraining.inherit import find_inherited
    from scansearch.retraining.train_config import Subject, make_train_config
    from scansearch.runs.folder import new_folder

    if name is not None and out_folder is not None:
        raise ScansearchError("--name and --out both say where the run goes; give one of them")
    subject = Subject(find_genotype(genotype), genotype, model, data, data_root)
    made = make_train_config(
        subject,
        recipe=recipe,
        seed=seed,
        inherit=None if inherit is None else find_inherited(inherit),
        flags={"train": _given(epochs=epochs, batch_size=batch_size), "machine": _given(devices=devices)},
        assignments=settings,
    )
    chosen = out_folder or (Path("runs") / _file_name(name) if name is not None else None)
    folder = chosen or new_folder(Path("runs"), f"{_stem(genotype)}-trained")
    if dry_run:
        out.print(made.to_toml(), markup=False, soft_wrap=True)
        out.print("nothing was written: a dry run")
    else:
        _train(made, subject.genotype, folder, [] if chosen else ["--out", str(folder)])


def _given(**flags: Any) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _file_name(name: str) -> str:
    from scansearch.text import FILE_NAME_RULE, is_file_name

    if not is_file_name(name):
        raise ScansearchError(f"--name takes {FILE_NAME_RULE}; but got {name!r}; take --out for a path")
    return name


def _stem(source: str) -> str:
    from scansearch.figures.sources import title_of
    from scansearch.outputs import stem_for_files

    return stem_for_files(title_of(Path(source)))


def _train(made: RunConfig, genotype: Genotype, folder: Path, named: list[str]) -> None:
    """Trains, here or in several processes, which are told by ``named`` where it goes."""
    from scansearch.cli.interrupted import resumable
    from scansearch.cli.launching import launch_command
    from scansearch.display.progress import display
    from scansearch.machine.launched import is_first, launched
    from scansearch.retraining.train_run import start_training

    with resumable(folder):
        if made.machine.devices > 1 and not launched():
            launch_command(made.machine, folder, made.train.batch_size, *named)
            return
        with display(out) as listener:
            start_training(made, genotype, folder, listener)
        if is_first():
            finish_training(folder, listener)


def finish_training(folder: Path, progress: Shielded) -> None:
    """Writes what follows from a trained network, then says what there is and what comes next."""
    from scansearch.cli.run_summary import complain_of, show_files
    from scansearch.finish import finish
    from scansearch.genotype import Genotype
    from scansearch.runs.run import Run
    from scansearch.runs.tables import EPOCHS
    from scansearch.runs.weights_file import WEIGHTS
    from scansearch.shape import measure_text

    genotype = Genotype.load(folder)
    done = finish(folder, genotype)
    with done.attempt("showing the result", f"scansearch resume {shlex.quote(str(folder))}"):
        rows = Run.open(folder).rows(EPOCHS)
        if rows:
            last, epochs = rows[-1], f"{rows[-1].epoch} epoch{'s' * (rows[-1].epoch > 1)}"
            said = "" if last.measure == "accuracy" else f"{measure_text(last.measure)} "
            out.print(f"\nthe network reaches {said}{last.worth:.1%} on validation images, after {epochs}")
        show_files(done, folder, WEIGHTS)
        _show_next(folder)
    complain_of(done, folder, progress)


def _show_next(folder: Path) -> None:
    lines = [
        "next: what is it worth on test images? They are looked at once:",
        f"  {program()} {shlex.join(['evaluate', str(folder)])}",
        "is it better than random ones? Four more trainings, of random genotypes:",
        f"  {program()} {shlex.join(['compare', str(folder)])}",
        "or load it in Python",
        "  from scansearch.runs.run import Run",
        f"  network = Run.open({str(folder)!r}).network()",
    ]
    out.print()
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
