"""What to do with a genotype: the lines after a run, each of which works as it is printed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from scansearch.cli.console import out
from scansearch.cli.program import program
from scansearch.genotype import Genotype

CHANCE = "random_search"


def show_next(folder: Path, genotype: Genotype, *, exported: bool) -> None:
    """Prints how to train or build the network that was found, where the export is, how to be sure, and how to compare with chance."""
    from scansearch.runs.run import Run
    from scansearch.runs.tables import GENOTYPES

    lines = [
        "next: train the network that was found",
        f"  {program()} {shlex.join(['train', '--genotype', str(folder)])}",
    ]
    lines += ["or build it, to train it in a loop of your own, in Python", *build_lines(folder, genotype)]
    if exported:
        lines += [f"or train it with LocalMamba's code: the files are in {folder / 'export'}"]
    run = Run.open(folder)
    config = run.config
    if genotype.confirmed is None and not config.data.part:
        words = shlex.join(["confirm", str(folder)])
        lines += ["how much of it comes back? Two searches on separate halves of the images:", f"  {program()} {words}"]
    if config.strategy.name != CHANCE:
        settings = judging(config.strategy.settings, len(run.rows(GENOTYPES)))
        lines += [
            "is the search better than chance? The same at random; then train what both found:",
            f"  {chance_command(folder, settings)}",
        ]
    out.print()
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)


def build_lines(folder: Path, genotype: Genotype) -> list[str]:
    """Python lines that build the network of a run's genotype."""
    arguments = [repr(genotype.model), "genotype=genotype"]
    if shape := genotype.shape:
        size = shape.height if shape.height == shape.width else (shape.height, shape.width)
        arguments += [f"num_classes={shape.classes}", f"image_size={size}", f"in_channels={shape.channels}"]
        arguments += ["dense=True"] if shape.dense else []
    arguments += [f"{name}={value!r}" for name, value in (genotype.options or {}).items()]
    return [
        "  import scansearch",
        f"  genotype = scansearch.load_genotype({str(folder / 'genotype.json')!r})",
        f"  network = scansearch.build({', '.join(arguments)})",
    ]


def chance_command(folder: Path, settings: Mapping[str, object] | None = None) -> str:
    """The command of the same search under ``random_search``: same space, model, data, training and seed.

    Args:
        folder: The run.
        settings: Of ``random_search``.
    """
    words = ["run", "--config", str(folder / "config.toml"), "--strategy", CHANCE, "--out", str(_beside(folder))]
    for name, value in (settings or {}).items():
        words += ["--set", f"{name}={value}"]
    return f"{program()} {shlex.join(words)}"


def judging(settings: Mapping[str, object], judged: int) -> dict[str, object]:
    """Settings of ``random_search`` with which it judges as a search did: as many genotypes, by the same judge.

    Args:
        settings: The search's strategy's.
        judged: Genotypes that it judged; 0 where it does not judge any.
    """
    if not judged:
        return {}
    same = ("judge", "judge_epochs") if settings.get("judge") == "training" else ()
    return {"samples": judged, **{name: settings[name] for name in same}}


def _beside(folder: Path) -> Path:
    """Where the same search at random goes: ``first-random`` beside ``first``, whatever the folder was called by."""
    if folder.name in ("", ".."):  # ``.``, ``..`` or ``/``
        return folder / ".." / f"{folder.resolve().name or 'run'}-random"
    return folder.with_name(f"{folder.name}-random")
