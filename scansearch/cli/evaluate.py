"""``scansearch evaluate``: what a trained network is worth on test images."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scansearch.cli.console import complain, err, guarded, out, print_json
from scansearch.cli.program import program
from scansearch.display.plain import plain

if TYPE_CHECKING:
    from scansearch.retraining.evaluation import Examination
    from scansearch.runs.evaluation_json import AtSize, Evaluation

WORST = 5
"""So many of the classes that are classified worst are shown."""


@guarded
def command(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|CHECKPOINT", help="The run folder of a training, or a file of weights.")
    ],
    data: Annotated[
        str | None, typer.Option(help="Data set (`scansearch datasets`).", show_default="that of the training")
    ] = None,
    data_root: Annotated[str | None, typer.Option(help="Folder (or file) of the data; digits needs none.")] = None,
    genotype: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Of a released checkpoint: the genotype of its network.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Of a released checkpoint: its model.", show_default="the genotype's")
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=1, help="Evaluate at this image size, too; repeatable.", show_default="3/4 and 5/4"),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 64,
    again: Annotated[
        bool, typer.Option("--again", help="Look at test images that this run was evaluated on before.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """Say what a trained network is worth on test images.

    Top-1 and top-5 accuracy (with masks, the share of pixels that are right, and the mean IoU), every class, the
    confusions (a figure), calibration, throughput, and the accuracy at other image sizes. Test images are for the end:
    who looks at them while choosing learns from them. So a run records every time that it is evaluated in
    evaluation.json, and shows the first result again unless --again is given.

    Examples:
      scansearch evaluate runs/first-trained
      scansearch evaluate local_vim_t.ckpt --genotype local_vim_tiny --data imagefolder --data-root imagenet
    """
    from scansearch.finish import finish_evaluation
    from scansearch.genotype import find_genotype
    from scansearch.retraining.evaluation import Examination, examine_network
    from scansearch.retraining.final_source import run_folder
    from scansearch.training.events import Silent

    named = None if genotype is None else find_genotype(genotype)
    wanted = Examination(source, data, data_root, model, named, sizes, batch_size, again)
    found, new = examine_network(wanted, Silent())
    folder = run_folder(source)
    done = None if folder is None else finish_evaluation(folder)
    if json:
        print_json({"source": str(source), "new": new, **found.model_dump(mode="json")})
    else:
        _show(found)
        for path in done.files if done else ():
            out.print(f"  {plain(path)}", style="dim", soft_wrap=True)
    if not new:
        words = shlex.join(_words(wanted))
        note = f"these test images were looked at on {found.time} UTC, and not again now; `{program()} {words}` does"
        err.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
    for line in done.failures if done else ():
        complain(line, 0)


def _words(wanted: Examination) -> list[str]:
    """Arguments of the program that look again, with all that was asked for."""
    given = {"--data": wanted.data, "--data-root": wanted.data_root}
    sizes = [word for size in wanted.sizes or () for word in ("--size", str(size))]
    usual = wanted.batch_size == type(wanted).batch_size
    return [
        *("evaluate", str(wanted.path)),
        *(word for name, value in given.items() if value is not None for word in (name, value)),
        *sizes,
        *([] if usual else ["--batch-size", str(wanted.batch_size)]),
        "--again",
    ]


def _worst(found: Evaluation) -> list[str]:
    """The classes that are classified worst; of pixels, by their IoU."""
    if found.mean_iou is not None:
        ious = sorted((c.iou, c.name) for c in found.classes if c.iou is not None)
        return [f"{plain(name)} IoU {iou:.1%}" for iou, name in ious[:WORST]]
    seen = sorted((c for c in found.classes if c.accuracy is not None), key=lambda c: (c.accuracy or 0.0, c.name))
    return [f"{plain(c.name)} {c.accuracy:.1%} of {c.images:,}" for c in seen[:WORST]]


def _first(other: AtSize) -> str:
    return f"top-1 {other.top1:.2%}" if other.mean_iou is None else f"mean IoU {other.mean_iou:.2%}"


def _show(found: Evaluation) -> None:
    height, width = found.image_size
    five = "" if found.top5 is None else f", top-5 {found.top5:.2%}"
    first = f"[bold]top-1 {found.top1:.2%}[/]{five}"
    if found.mean_iou is not None:
        first = f"[bold]mean IoU {found.mean_iou:.2%}[/], pixels right {found.top1:.2%}"
    speed = found.speed
    lines = [
        f"{first}, of {found.images:,} test images of {plain(found.data)}, {height} x {width}",
        f"loss {found.loss:.4f}, calibration error {found.ece:.3f} (15 bins of confidence)",
        f"{speed.images_per_second:,.0f} images a second ({plain(speed.device)}, batches of {speed.batch_size}, "
        f"{speed.threads} thread{'s' * (speed.threads != 1)})",
        *(f"at {other.size} x {other.size}: {_first(other)}" for other in found.resolutions),
    ]
    for line in [*lines, f"worst classes: {', '.join(_worst(found))}"]:
        out.print(line, soft_wrap=True)
    for note in found.notes:
        out.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
