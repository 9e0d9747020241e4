"""The Python interface: search, train, resume, build, load. What a result is worth is in `assessing.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.arguments import typed
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype, find_genotype
from scansearch.registry import MODELS
from scansearch.shape import shape_from
from scansearch.space import SearchSpace, find_space
from scansearch.training.events import Listener
from scansearch.watched import watched

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

    Examples:
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
    return watched(lambda listener: start(config, out, listener), out, listener, progress)


@typed
def estimate(
    *,
    space: str | SearchSpace = "default8",
    strategy: str = "darts",
    model: str = "local_vim_micro",
    data: str = "digits",
    data_root: str | Path = "",
    seed: int = 0,
    preset: str | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Says what a search would take, as ``scansearch estimate --json`` does; nothing is written.

    The arguments are those of ``search``. Of the process's memory, what this process holds now is part.

    Returns:
        ``memory`` (bytes; ``peak`` is that of a process, ``advice`` a line if it does not suffice), ``time`` (seconds), ``work``,
        ``images``, ``space``, ``notes`` and ``settings``.

    Raises:
        ScansearchError: For bad input, in one line.

    Examples:
        >>> estimate(space="wide128", batch_size=256)["memory"]["peak"]  # doctest: +SKIP
    """
    from scansearch.searching.configure import make_config
    from scansearch.searching.search_estimate import estimate as estimate_search

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
    return estimate_search(config)


@typed
def train(
    out: str | Path,
    *,
    genotype: Genotype | str | Path,
    model: str | None = None,
    data: str | None = None,
    data_root: str | Path | None = None,
    recipe: str | Path = "laptop",
    inherit: str | Path | None = None,
    seed: int = 0,
    listener: Listener | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> nn.Module:
    """Trains the network of a genotype; leaves the same folder behind as ``scansearch train``.

    Args:
        out: The run folder; it must be new or empty.
        genotype: A ``Genotype``, a run folder, a genotype file, or the name of a published one.
        model: A registered model, if not the genotype's own.
        data: A registered dataset, if not that of the search.
        data_root: Folder of the dataset, if it needs one.
        recipe: ``laptop``, ``imagenet``, or a TOML file.
        inherit: A run folder or a file whose weights it begins with.
        seed: Seed of everything random.
        listener: Told about progress, in the place of a display.
        progress: Whether to show a progress bar; by default in a notebook only.
        **settings: Settings of any section, for example ``epochs=5``, ``drop_path=0.1``.

    Returns:
        The trained network in evaluation mode: images (B, C, H, W) to logits (B, classes).

    Raises:
        ScansearchError: For bad input, in one line.

    Examples:
        >>> network = train("runs/final", genotype="runs/first")  # doctest: +SKIP
    """
    from scansearch.retraining.inherit import find_inherited
    from scansearch.retraining.train_config import Subject, make_train_config
    from scansearch.retraining.train_run import start_training

    own = genotype if isinstance(genotype, Genotype) else find_genotype(str(genotype))
    source = "a genotype" if isinstance(genotype, Genotype) else str(genotype)
    config = make_train_config(
        Subject(own, source, model, data, None if data_root is None else str(data_root)),
        recipe=str(recipe),
        seed=seed,
        inherit=None if inherit is None else find_inherited(str(inherit)),
        settings=settings,
    )
    return watched(lambda told: start_training(config, own, out, told), out, listener, progress)


@typed
def resume(
    path: str | Path, *, listener: Listener | None = None, progress: bool | None = None, devices: int | None = None
) -> Any:
    """Continues an interrupted run; one that is done only gets its exports, figures and model card anew.

    Args:
        path: The run folder.
        listener: Told about progress, in the place of a display.
        progress: Whether to show a progress bar; by default in a notebook only.
        devices: Processes on each node, if not as many as the run began with.

    Returns:
        The ``Genotype`` of a search, or the trained network of a training.
    """
    from scansearch.retraining.train_run import resume_training
    from scansearch.runs.run import Run
    from scansearch.searching.assemble import resume as resume_search

    go_on: Any = resume_training if Run.open(path).kind == "train" else resume_search
    return watched(lambda told: go_on(path, told, devices), path, listener, progress)


@typed
def build(
    model: str,
    *,
    genotype: Genotype | Sequence[Sequence[str]] | None = None,
    space: str | SearchSpace | None = None,
    num_classes: int = 1000,
    image_size: int | Sequence[int] = 224,
    in_channels: int = 3,
    dense: bool = False,
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
        dense: A class for each pixel, rather than one an image.
        **options: Options of the model, for example ``drop_path=0.1``.

    Returns:
        A network from images (B, C, H, W) to logits (B, num_classes), if dense (B, num_classes, H, W), or a ``Supernet``.

    Raises:
        ScansearchError: If not exactly one of ``genotype`` and ``space`` is given, they do not fit the model, or a size is
            not one that a network can have.
    """
    if (genotype is None) == (space is None):
        raise ScansearchError("build takes either a genotype (a network) or a space (a supernet), exactly one of them")
    from scansearch.models import ModelSpec, bind_to
    from scansearch.models.genotype_fit import check_genotype

    shape = shape_from(num_classes, image_size, in_channels, dense)
    spec: ModelSpec = MODELS.get(model).configure(**options)
    if space is not None:
        return spec.supernet([layer.candidates for layer in bind_to(find_space(space), spec, shape)], shape)
    chosen = genotype if isinstance(genotype, Genotype) else Genotype.from_directions(genotype or ())
    check_genotype(chosen, spec, shape)
    return spec.network(chosen.directions, shape)
