"""What to do with a genotype: the lines after a run, each of which works as it is printed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.cli.console import out
from scansearch.cli.program import program
from scansearch.genotype import Genotype

if TYPE_CHECKING:
    from scansearch.runs.config import RunConfig

CHANCE = "random_search"


def show_next(folder: Path, genotype: Genotype, *, exported: bool) -> None:
    """Prints how to build the network that was found, where the export is, how to be sure, and how to compare with chance."""
    from scansearch.runs.run import Run

    lines = ["next: build the network that was found and train it, in Python", *build_lines(folder, genotype)]
    if exported:
        lines += [f"or train it with LocalMamba's code: the files are in {folder / 'export'}"]
    config = Run.open(folder).config
    if genotype.confirmed is None and not config.data.part:
        words = shlex.join(["confirm", str(folder)])
        lines += ["how much of it comes back? Two searches on separate halves of the images:", f"  {program()} {words}"]
    if config.strategy.name != CHANCE:
        lines += ["is it better than chance? The same search at random:", f"  {chance_command(folder, config)}"]
    out.print()
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)


def build_lines(folder: Path, genotype: Genotype) -> list[str]:
    """Python lines that build the network of a run's genotype."""
    arguments = [repr(genotype.model), "genotype=genotype"]
    if shape := genotype.shape:
        size = shape.height if shape.height == shape.width else (shape.height, shape.width)
        arguments += [f"num_classes={shape.classes}", f"image_size={size}", f"in_channels={shape.channels}"]
    arguments += [f"{name}={value!r}" for name, value in (genotype.options or {}).items()]
    return [
        "  import scansearch",
        f"  genotype = scansearch.load_genotype({str(folder / 'genotype.json')!r})",
        f"  network = scansearch.build({', '.join(arguments)})",
    ]


def chance_command(folder: Path, config: RunConfig) -> str:
    """The command of the same search under ``random_search``: same space, data, training and seed."""
    from scansearch.registry import SEARCH_SPACES
    from scansearch.searching.configure import make_config
    from scansearch.searching.known_settings import NAMES

    name = config.space["name"]
    known = SEARCH_SPACES.get(name).to_dict() if name in SEARCH_SPACES else {}
    if {**config.space, "keep": None} != {**known, "keep": None}:
        return f"the command of this run with --strategy {CHANCE} and another --out"
    model, data = config.model.name, config.data.name
    words = ["run", "--space", name, "--strategy", CHANCE, "--model", model, "--data", data]
    words += ["--data-root", config.data.root] if config.data.root else []
    words += ["--seed", str(config.seed)] if config.seed else []
    plain = make_config(space=SEARCH_SPACES.get(name), strategy=CHANCE, model=model, data=data)
    usual = plain.model_dump(mode="json")
    for section, values in config.model_dump(mode="json", include={"machine", "data", "train", "augment"}).items():
        given = {key: value for key, value in values.items() if key not in NAMES}
        words += _changed(section, given, usual[section])
    words += _changed("model", config.model.settings, {})
    words += _changed("space", {"keep": config.space.get("keep")}, known)
    return f"{program()} {shlex.join([*words, '--out', f'{folder}-random'])}"


def _changed(section: str, values: dict[str, Any], plain: dict[str, Any]) -> list[str]:
    """Assignments for ``--set`` of what differs; strings go without quotes, all else as TOML has it."""
    words = []
    for key, value in values.items():
        if value != plain.get(key):
            words += ["--set", f"{section}.{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return words
