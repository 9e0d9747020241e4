"""The Python interface: search, train, evaluate, resume, confirm, build, load."""

from __future__ import annotations

import warnings
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
from scansearch.watched import shows, watched

if TYPE_CHECKING:
    from torch import nn

    from scansearch.runs.evaluation_json import Evaluation


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
    return watched(lambda listener: start(config, out, listener), out, listener, progress)


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

    Example:
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
    return watched(lambda told: start_training(config, own, out, told), out, listener, progress, "train")


@typed
def evaluate(
    path: str | Path,
    *,
    data: str | None = None,
    data_root: str | Path | None = None,
    genotype: Genotype | str | Path | None = None,
    model: str | None = None,
    sizes: Sequence[int] | None = None,
    batch_size: int = 64,
    again: bool = False,
) -> Evaluation:
    """Says what a trained network is worth on test images; of a run, every time is recorded in ``evaluation.json``.

    Args:
        path: The run folder of a training, or a file of weights.
        data: A registered dataset, if not that of the training.
        data_root: Folder of the dataset, if it needs one.
        genotype: Of a released checkpoint: the genotype of its network.
        model: Of a released checkpoint: its model, if not the genotype's.
        sizes: Other image sizes, in pixels; by default three quarters and five quarters of the network's.
        batch_size: Images in a batch.
        again: Look at test images that the run was evaluated on before; without it, the first result comes back.

    Returns:
        Accuracies, classes, confusions, calibration, throughput.

    Raises:
        ScansearchError: For bad input, in one line.
    """
    from scansearch.finish import finish_evaluation
    from scansearch.retraining.evaluation import Examination, examine_network

    own = find_genotype(str(genotype)) if isinstance(genotype, (str, Path)) else genotype
    root = None if data_root is None else str(data_root)
    found, _ = examine_network(Examination(Path(path), data, root, model, own, sizes, batch_size, again))
    if Path(path).is_dir():
        for line in finish_evaluation(path).failures:
            warnings.warn(line, stacklevel=2)
    return found


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

    kind = Run.open(path).kind
    go_on: Any = resume_training if kind == "train" else resume_search
    return watched(lambda told: go_on(path, told, devices), path, listener, progress, kind)


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
    if shows(progress):
        with bars("half") as shown:
            genotype = confirm_run(wanted, shown.listener)
    else:
        genotype = confirm_run(wanted)
    for line in finish(path, genotype).failures:
        warnings.warn(line, stacklevel=2)
    return genotype


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

    shape = shape_from(num_classes, image_size, in_channels)
    spec: ModelSpec = MODELS.get(model).configure(**options)
    if space is not None:
        return spec.supernet([layer.candidates for layer in bind_to(find_space(space), spec, shape)], shape)
    chosen = genotype if isinstance(genotype, Genotype) else Genotype.from_directions(genotype or ())
    chosen.check_layers(len(spec.layers(shape)), model)
    return spec.network(chosen.directions, shape)
