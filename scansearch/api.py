"""The Python interface: search, resume, confirm, build, load."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.arguments import typed
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.registry import MODELS
from scansearch.shape import MAX_CHANNELS, MAX_CLASSES, MAX_SIDE, ImageShape, check_number
from scansearch.space import SearchSpace, find_space
from scansearch.training.events import Listener

if TYPE_CHECKING:
    from torch import nn


@typed
def load_genotype(path: str | Path) -> Genotype:
    """Reads a genotype file, ours or LocalMamba's list of lists as JSON, or the genotype of a finished run.

    Args:
        path: The file, or the run folder.

    Raises:
        ScansearchError: If there is none, or it is damaged.
    """
    return Genotype.load(path)


@typed
def search(
    out: str | Path,
    *,
    space: str | SearchSpace = "default8",
    strategy: str = "darts",
    model: str = "local_vim_micro",
    data: str = "digits",
    data_root: str | Path = "",
    seed: int = 0,
    preset: str | None = None,
    listener: Listener | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Genotype:
    """Searches scan orders and returns the genotype; leaves the same folder behind as ``scansearch run``.

    Args:
        out: The run folder; it must be new or empty.
        space: A registered space, a JSON or TOML file, or a ``SearchSpace``.
        strategy: A registered strategy.
        model: A registered model.
        data: A registered dataset.
        data_root: Folder of the dataset, if it needs one.
        seed: Seed of everything random.
        preset: A named recipe of the strategy, for example ``"paper"``.
        listener: Told about progress, in the place of a display.
        progress: Whether to show a progress bar; by default in a notebook only.
        **settings: Settings of any section, for example ``epochs=5``, ``alpha_lr=0.01``.

    Several processes: start the script with ``torchrun --nproc-per-node N``; then all of them return the genotype, and the first
    writes.

    Raises:
        ScansearchError: For bad input, in one line.

    Example:
        >>> genotype = search("runs/first", epochs=1, limit=200)  # doctest: +SKIP
    """
    from scansearch.searching.assemble import start
    from scansearch.searching.configure import make_config

    config = make_config(
        space=find_space(space),
        strategy=strategy,
        model=model,
        data=data,
        data_root=str(data_root),
        seed=seed,
        preset=preset,
        settings=settings,
    )
    return _watched(lambda listener: start(config, out, listener), out, listener, progress)


@typed
def resume(
    path: str | Path, *, listener: Listener | None = None, progress: bool | None = None, devices: int | None = None
) -> Genotype:
    """Continues an interrupted run; a finished one only gets its exports and figures anew, and returns its genotype.

    Args:
        path: The run folder.
        listener: Told about progress, in the place of a display.
        progress: Whether to show a progress bar; by default in a notebook only.
        devices: Processes on each node, if not as many as the run began with.
    """
    from scansearch.searching.assemble import resume as resume_run

    return _watched(lambda listener: resume_run(path, listener, devices), path, listener, progress)


@typed
def confirm(
    path: str | Path,
    *,
    pairs: int = 1,
    epochs: int | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Genotype:
    """Searches a finished run anew on separate halves of its images, and says what comes back.

    The halves are runs in ``RUN/confirm``; an interrupted call goes on where it was when it is repeated. With ``jobs=1`` they are
    searched in this process, where parts that were registered by hand are known; else in processes of their own.

    Args:
        path: The run folder.
        pairs: Pairs of halves, 1 to 100; 5 or more for claims about single directions.
        epochs: Epochs of each half, if not as many as the run had.
        jobs: How many halves are searched at a time; by default two on a CPU of several cores, else one.
        progress: Whether to show progress; by default in a notebook only.

    Returns:
        The run's genotype with what was found in ``confirmed``, as it now is in ``genotype.json``.

    Raises:
        ScansearchError: For bad input, or what ended a search.
    """
    from scansearch.comparing.confirmation import Confirmation
    from scansearch.comparing.confirmation import confirm as confirm_run
    from scansearch.display.bars import bars
    from scansearch.finish import finish

    wanted = Confirmation(Path(path), pairs, epochs, jobs)
    if _shows(progress):
        with bars("half") as shown:
            genotype = confirm_run(wanted, shown.listener)
    else:
        genotype = confirm_run(wanted)
    for line in finish(path, genotype).failures:
        warnings.warn(line, stacklevel=2)
    return genotype


def _watched(
    run: Callable[[Listener | None], Genotype], folder: str | Path, listener: Listener | None, progress: bool | None
) -> Genotype:
    """Runs a search under somebody's eyes, and finishes its folder."""
    from scansearch.finish import finish
    from scansearch.machine.launched import is_first

    if not is_first():
        return run(None)
    if listener is not None or not _shows(progress):
        genotype = run(listener)
    else:
        from scansearch.display.progress import display

        with display() as shown:
            genotype = run(shown)
    done = finish(folder, genotype)
    for line in done.failures:
        warnings.warn(line, stacklevel=3)
    return genotype


def _shows(progress: bool | None) -> bool:
    if progress is None:
        from scansearch.display.progress import in_notebook

        return in_notebook()
    return progress


@typed
def build(
    model: str,
    *,
    genotype: Genotype | Sequence[Sequence[str]] | None = None,
    space: str | SearchSpace | None = None,
    num_classes: int = 1000,
    image_size: int | Sequence[int] = 224,
    in_channels: int = 3,
    **options: Any,
) -> nn.Module:
    """Builds a derived network from a genotype, or a supernet from a space.

    Args:
        model: A registered model.
        genotype: The directions of every layer; gives the network that computes just these.
        space: A search space; gives the supernet over it.
        num_classes: Classes of the head.
        image_size: Side of square images, or (height, width), in pixels.
        in_channels: Colour channels of the images.
        **options: Options of the model, for example ``drop_path=0.1``.

    Returns:
        A network from images (B, C, H, W) to logits (B, num_classes), or a ``Supernet``.

    Raises:
        ScansearchError: If not exactly one of ``genotype`` and ``space`` is given, they do not fit the model, or a size is
            not one that a network can have.
    """
    if (genotype is None) == (space is None):
        raise ScansearchError("build takes either a genotype (a network) or a space (a supernet), exactly one of them")
    from scansearch.models import ModelSpec, bind_to

    shape = _shape(num_classes, image_size, in_channels)
    spec: ModelSpec = MODELS.get(model).configure(**options)
    if space is not None:
        return spec.supernet([layer.candidates for layer in bind_to(find_space(space), spec, shape)], shape)
    chosen = genotype if isinstance(genotype, Genotype) else Genotype.from_directions(genotype or ())
    chosen.check_layers(len(spec.layers(shape)), model)
    return spec.network(chosen.directions, shape)


def _shape(num_classes: int, image_size: object, in_channels: int) -> ImageShape:
    """Checks the arguments by the names that they have here."""
    size = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(size) != 2:
        raise ScansearchError(f"image_size must be one side, or (height, width), in pixels, but got {image_size!r}")
    for side in size:
        check_number("a side of image_size", side, MAX_SIDE)
    check_number("num_classes", num_classes, MAX_CLASSES)
    check_number("in_channels", in_channels, MAX_CHANNELS)
    height, width = size
    return ImageShape(height, width, in_channels, num_classes)
