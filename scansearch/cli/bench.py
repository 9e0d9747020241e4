"""``scansearch bench``: what directions cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scansearch.cli.bench_table import ranking, show
from scansearch.cli.console import err, guarded, print_json
from scansearch.cli.interrupted import saying
from scansearch.display.plain import plain
from scansearch.errors import ScansearchError
from scansearch.registry import unknown_name

if TYPE_CHECKING:
    from scansearch.cost import CostTable
    from scansearch.cost.latency import ProgressBar
    from scansearch.genotype import Genotype
    from scansearch.models import ImageShape, ModelSpec
    from scansearch.space import LayerSpace, SearchSpace

MOST_PIXELS = 4096


@guarded
def command(
    model: Annotated[str, typer.Option(help="Model (`scansearch models`).")] = "local_vim_micro",
    space: Annotated[str, typer.Option(help="Search space: a name (`scansearch spaces`) or a file.")] = "default8",
    unit: Annotated[str, typer.Option(help="ms, measured on this machine, or flops, by a formula.")] = "ms",
    formula: Annotated[
        str | None, typer.Option(help="vmamba, localmamba or localmamba_all, for flops.", show_default="vmamba")
    ] = None,
    image_size: Annotated[str, typer.Option(help="Pixels of the images: a side, or HEIGHTxWIDTH.")] = "224",
    classes: Annotated[int, typer.Option(min=1, help="Classes of the head.")] = 1000,
    channels: Annotated[int, typer.Option(min=1, help="Colour channels of the images.")] = 3,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in a batch, for ms.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of measurements, for ms.")] = 5,
    training: Annotated[bool, typer.Option("--training", help="Measure forward and backward pass, for ms.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for ms.")] = "auto",
    genotype: Annotated[
        str | None, typer.Option(help="Also the cost of this: a run folder, a genotype file, or a published name.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the model, or keep; repeatable."),
    ] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the cost table here, as JSON.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """Say what directions cost, in milliseconds on this machine or in FLOPs.

    Milliseconds are those of a batch, FLOPs those of an image; directions are listed from the cheapest to the dearest. A
    table written with --out serves as the budget of a search space.

    Examples:
      scansearch bench --image-size 64 --out costs.json
      scansearch bench --unit flops --model local_vim_tiny --set keep=2
    """
    from scansearch.genotype import find_genotype
    from scansearch.models import ImageShape, bind_to
    from scansearch.models.genotype_fit import check_genotype
    from scansearch.registry import MODELS
    from scansearch.space import find_space

    size = parse_size(image_size)
    spec, searched = _configured(MODELS.get(model), find_space(space), settings or [])
    shape = ImageShape(*size, channels, classes)
    layers = bind_to(searched, spec, shape)
    chosen = None
    if genotype:
        found = find_genotype(genotype)
        check_genotype(found, spec, shape)
        chosen = _meant(found, layers)
    measured = {"batch_size": batch_size, "repeats": repeats, "training": training, "device": device}
    costs = _costs(spec, layers, shape, unit, formula, measured)
    facts = _network(costs, layers) | ({"genotype": costs.cost(chosen)} if chosen else {})
    if json:
        print_json({"costs": costs.to_dict(), "ranking": ranking(costs), "network": facts})
    else:
        show(costs, facts, layers)
    if out_file:  # last: what was measured stays on the screen if the file cannot be written
        costs.save(out_file)
        err.print(f"\n{plain(out_file)}", soft_wrap=True)


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) from ``224`` or ``192x256``, each 1 to 4096."""
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(1 <= side <= MOST_PIXELS for side in size):
        raise ScansearchError(
            f"an image size is a side or HEIGHTxWIDTH, each 1 to {MOST_PIXELS}, for example 224 or 192x256, but got {text!r}"
        )
    return size


def _configured(spec: ModelSpec, space: SearchSpace, assignments: Sequence[str]) -> tuple[ModelSpec, SearchSpace]:
    from scansearch.searching.configure import check_target
    from scansearch.searching.known_settings import space_settings
    from scansearch.searching.overrides import SECTIONS, Overrides

    keep = [option for option in space_settings() if option.name == "keep"]
    known = {**{section: [] for section in SECTIONS}, "model": spec.options.listed(), "space": keep}
    overrides = Overrides(known, partial(check_target, spec, space))
    for assignment in assignments:
        overrides.assign(assignment)
    changed = {**space.to_dict(), **overrides.values["space"]}
    return spec.configure(**overrides.values["model"]), space.from_dict(changed, "space setting")


def _meant(genotype: Genotype, layers: Sequence[LayerSpace]) -> list[list[str]]:
    """The genotype in the names of the layers' candidates: a direction that was merged stands for its equal."""
    meant = [
        [layer.merged.get(name, name) for name in names]
        for layer, names in zip(layers, genotype.directions, strict=True)
    ]
    for number, (layer, names) in enumerate(zip(layers, meant, strict=True), start=1):
        if foreign := [name for name in names if name not in layer.candidates]:
            raise unknown_name(f"candidate of layer {number}", foreign[0], list(layer.candidates))
    return meant


def _costs(
    spec: ModelSpec,
    layers: Sequence[LayerSpace],
    shape: ImageShape,
    unit: str,
    formula: str | None,
    measured: dict[str, Any],
) -> CostTable:
    from scansearch.cost import flops_table, latency_table

    if unit not in ("ms", "flops"):
        raise unknown_name("unit", unit, ["ms", "flops"])
    if unit == "ms" and formula:
        raise ScansearchError(f"milliseconds are measured, not counted, but got --formula {formula}; add --unit flops")
    candidates = [layer.candidates for layer in layers]
    if unit == "flops":
        return flops_table(spec, candidates, shape, formula=formula or "vmamba")
    with _progress() as progress:
        most = max(layer.most for layer in layers)
        return latency_table(spec, candidates, shape, **measured, most=most, progress=progress)


@contextmanager
def _progress() -> Iterator[ProgressBar]:
    """A bar on standard error, and a last word after Ctrl-C."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("measuring"), BarColumn(bar_width=28), MofNCompleteColumn(), TimeRemainingColumn())
    stopped = saying(lambda: "stopped while measuring; no cost table was written")
    with stopped, Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("measuring", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _network(costs: CostTable, layers: Sequence[LayerSpace]) -> dict[str, float]:
    """The whole network: the cheapest and the dearest that the space's ``keep`` allows, and the directions' share."""
    prices = [sorted(layer.directions.values()) for layer in costs.layers]
    kept = [(layer.least, layer.most) for layer in layers]
    rest = costs.fixed + sum(layer.base for layer in costs.layers)
    low = sum(sum(cheap[:least]) for cheap, (least, _) in zip(prices, kept, strict=True))
    high = sum(sum(costly[-most:]) for costly, (_, most) in zip(prices, kept, strict=True))
    between = (low + high) / 2
    return {"cheapest": rest + low, "dearest": rest + high, "share": between / ((rest + between) or 1)}
