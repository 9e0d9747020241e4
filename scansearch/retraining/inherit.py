"""Weights that a training begins with: those of a search's supernet, of an earlier training, or of a released checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.models import ModelSpec
from scansearch.models.model_spec import Directions
from scansearch.models.weight_check import grouped, kind_of, with_options
from scansearch.retraining.from_supernet import kept_of_supernet
from scansearch.retraining.tensor_file import read_tensors
from scansearch.retraining.train_config import from_there
from scansearch.runs.checkpoint import digest
from scansearch.runs.config import Inherited, RunConfig
from scansearch.runs.run import Run
from scansearch.runs.weights_file import put_in
from scansearch.shape import ImageShape
from scansearch.training.events import Listener


def find_inherited(source: str) -> Inherited:
    """What is inherited, by the checksum of its file.

    Raises:
        ScansearchError: If there is nothing to inherit.
    """
    path = _file_of(Path(source))
    try:
        return Inherited(source=from_there(source), digest=digest(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ScansearchError(f"--inherit takes a run folder or a file of weights, but {path}: {reason}") from error


def _file_of(source: Path) -> Path:
    """The file in which the weights are: of a search the newest checkpoint."""
    if not source.is_dir():
        return source
    run = Run.open(source)
    if run.kind != "search":
        return run.weights
    if not run.checkpoints:
        raise RunFolderError(f"{source} has no checkpoint, and so no weights to inherit; leave --inherit out")
    return run.checkpoints[0]


class Donor(NamedTuple):
    """A network whose weights another one begins with.

    Args:
        network: With these weights.
        shape: Its images and classes.
        source: What it is called.
        model: Its model, and the options that differ from that one's own.
    """

    network: nn.Module
    shape: ImageShape
    source: str
    model: str


def inherited(
    network: nn.Module, spec: ModelSpec, shape: ImageShape, config: RunConfig, device: torch.device, listener: Listener
) -> str:
    """Puts the inherited weights into a fresh network.

    Args:
        network: The network, on the CPU.
        spec: Its model.
        shape: Its images and classes.
        config: The settings of the training, which name what is inherited.
        device: Where a supernet runs, whose branches are rescaled.
        listener: Told about progress.

    Returns:
        What was taken and what was not, in a line.

    Raises:
        ScansearchError: If the weights do not fit the network, or have changed since the training began.
    """
    assert config.inherit is not None
    assert config.genotype is not None
    source, directions = Path(config.inherit.source), config.genotype.directions
    if find_inherited(config.inherit.source).digest != config.inherit.digest:
        raise ScansearchError(f"{source} has changed since the training was begun; restore it or start a new run")
    if source.is_dir() and (run := Run.open(source)).kind == "search":
        kept = kept_of_supernet(run, directions, device, listener)
        assert run.genotype is not None
        model = with_options(run.config.model.name, run.config.model.settings)
        donor = Donor(kept, run.genotype.shape or shape, str(source), model)
    else:
        donor = _trained(source, spec, shape, directions)
    return take_over(network, donor, shape, head_of(spec, directions, shape, donor.shape))


def _trained(source: Path, spec: ModelSpec, shape: ImageShape, directions: Directions) -> Donor:
    """The network of a training or a file: one of ours, or one with the names of the published code."""
    path = _file_of(source)
    facts, tensors = read_tensors(path)
    if facts is None:
        then = spec.official_shape(tensors, shape)
        network = spec.network(directions, then)
        spec.load_official(network, tensors)
        return Donor(network, then, str(source), spec.name)
    for number, (theirs, ours) in enumerate(zip(facts.directions, directions, strict=False), 1):
        if list(theirs) != list(ours):
            raise ScansearchError(
                f"{path} is of a network whose layer {number} scans {', '.join(theirs)}, but here it scans {', '.join(ours)}; inherit "
                "from a network of the same genotype"
            )
    network = facts.build()
    put_in(network, tensors, str(path))
    return Donor(network, facts.shape, str(source), with_options(facts.model, facts.options))


def head_of(spec: ModelSpec, directions: Directions, shape: ImageShape, then: ImageShape) -> frozenset[str]:
    """Weights of the head: those in which networks differ that tell other classes apart, or classes of pixels and not of images.

    Args:
        spec: The model.
        directions: The directions of each layer.
        shape: Images and classes of the one.
        then: Of the other; only its classes count.
    """
    other = replace(shape, classes=then.classes, dense=then.dense)
    if other == shape:
        return frozenset()
    with torch.device("meta"):
        one, two = ({n: w.shape for n, w in spec.network(directions, s).state_dict().items()} for s in (shape, other))
    return frozenset(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def take_over(network: nn.Module, donor: Donor, shape: ImageShape, head: Set[str] = frozenset()) -> str:
    """Copies a network's weights into another of the same width; images may be of another size, and classes others.

    Args:
        network: Where they go.
        donor: Where they come from; if its network has ``at``, it is resized to the images of ``network``.
        shape: Images and classes of ``network``.
        head: Weights that are not copied, as ``head_of``.

    Returns:
        What was taken and what was not, in a line.

    Raises:
        ScansearchError: If a weight is missing, unknown or of another shape.
    """
    resized = getattr(donor.network, "at", None)
    given = resized(shape.size) if donor.shape.size != shape.size and resized is not None else donor.network
    weights, own = given.state_dict(), network.state_dict()
    taken = {name: value for name, value in weights.items() if name not in head}
    _check_same(taken, {name: like for name, like in own.items() if name not in head}, donor)
    network.load_state_dict({**own, **taken})
    line = f"inherited from {donor.source}: {len(taken)} of {len(own)} tensors"
    if not head:
        return line
    return f"{line}; new: {_head_in(own, head, shape)}; not taken: {_head_in(weights, head, donor.shape)}"


def _head_in(weights: Mapping[str, torch.Tensor], head: Set[str], shape: ImageShape) -> str:
    parts = dict.fromkeys(name.partition(".")[0] for name in weights if name in head)
    return f"{', '.join(parts) or 'nothing'}, for {shape.classes} classes of {'pixels' if shape.dense else 'images'}"


def _check_same(weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], donor: Donor) -> None:
    others = [name for name in wanted if name in weights and weights[name].shape != wanted[name].shape]
    problems = {
        "missing": [kind_of(name) for name in wanted if name not in weights],
        "unknown": [kind_of(name) for name in weights if name not in wanted],
        "of another shape": [f"{kind_of(n)} {tuple(weights[n].shape)} for {tuple(wanted[n].shape)}" for n in others],
    }
    told = [f"{what}: {grouped(kinds)}" for what, kinds in problems.items() if kinds]
    if told:
        raise ScansearchError(
            f"the weights of {donor.source} do not fit this network; {'; '.join(told)}; they are of {donor.model}, and weights are "
            "inherited at equal width, depth, patch size and colour channels: set these as they were there"
        )
