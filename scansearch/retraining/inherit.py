"""Weights that a training begins with: those of a search's supernet, of an earlier training, or of a released checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.models import ModelSpec
from scansearch.retraining.from_supernet import kept_of_supernet
from scansearch.retraining.tensor_file import read_tensors
from scansearch.retraining.train_config import from_there
from scansearch.runs.checkpoint import digest
from scansearch.runs.config import Inherited, RunConfig
from scansearch.runs.run import Run
from scansearch.runs.weights_file import put_in
from scansearch.shape import ImageShape
from scansearch.training.events import Listener

SHOWN = 3


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


def inherited(
    network: nn.Module, spec: ModelSpec, shape: ImageShape, config: RunConfig, device: torch.device, listener: Listener
) -> list[str]:
    """Puts the inherited weights into a fresh network.

    Args:
        network: The network, on the CPU.
        spec: Its model.
        shape: Its images and classes.
        config: The settings of the training, which name what is inherited.
        device: Where a supernet runs, whose branches are rescaled.
        listener: Told about progress.

    Returns:
        What the user should know, a line each.

    Raises:
        ScansearchError: If the weights do not fit the network, or have changed since the training began.
    """
    assert config.inherit is not None
    assert config.genotype is not None
    source, directions = Path(config.inherit.source), config.genotype.directions
    if find_inherited(config.inherit.source).digest != config.inherit.digest:
        raise ScansearchError(f"{source} has changed since the training was begun; restore it or start a new run")
    if source.is_dir() and Run.open(source).kind == "search":
        donor = kept_of_supernet(Run.open(source), directions, device, listener)
    else:
        donor = _trained(_file_of(source), spec, shape, directions)
    return take_over(network, donor, shape, str(source))


def _trained(path: Path, spec: ModelSpec, shape: ImageShape, directions: Sequence[Sequence[str]]) -> nn.Module:
    """The network of a file: one of ours, or one with the names of the published code."""
    facts, tensors = read_tensors(path)
    if facts is None:
        network = spec.network(directions, spec.official_shape(tensors, shape))
        spec.load_official(network, tensors)
        return network
    for number, (theirs, ours) in enumerate(zip(facts.directions, directions, strict=False), 1):
        if list(theirs) != list(ours):
            raise ScansearchError(
                f"{path} is of a network whose layer {number} scans {', '.join(theirs)}, but here it scans {', '.join(ours)}; inherit "
                "from a network of the same genotype"
            )
    network = facts.build()
    put_in(network, tensors, str(path))
    return network


def take_over(network: nn.Module, donor: nn.Module, shape: ImageShape, source: str) -> list[str]:
    """Copies a network's weights into another of the same width; images may be of another size, and classes others.

    Args:
        network: Where they go.
        donor: Where they come from; if it has ``at``, it is resized to the images of ``network``.
        shape: Images and classes of ``network``.
        source: What the donor is called.

    Returns:
        What was not copied, a line each.

    Raises:
        ScansearchError: If a weight is missing, unknown or of another shape.
    """
    then, resized = getattr(donor, "shape", shape), getattr(donor, "at", None)
    if then.size != shape.size and resized is not None:
        donor = resized(shape.size)
    weights, own = donor.state_dict(), network.state_dict()
    head = {name for name in own if name in weights and _is_head(weights[name], own[name], then.classes, shape.classes)}
    _check_same(weights, {name: like for name, like in own.items() if name not in head}, head, source)
    network.load_state_dict({**own, **{name: value for name, value in weights.items() if name not in head}})
    kept = [f"inherited from {source}: {len(own) - len(head)} of {len(own)} tensors"]
    return [*kept, f"the head is new, for {shape.classes} classes instead of {then.classes}"] if head else kept


def _is_head(theirs: torch.Tensor, ours: torch.Tensor, then: int, now: int) -> bool:
    """Whether two tensors differ in that one has a row a class of then, the other a row a class of now."""
    return (
        then != now and len(theirs.shape) > 0 and theirs.shape == (then, *ours.shape[1:]) and ours.shape[:1] == (now,)
    )


def _check_same(
    weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], head: set[str], source: str
) -> None:
    others = [name for name in wanted if name in weights and weights[name].shape != wanted[name].shape]
    problems = {
        "missing": [name for name in wanted if name not in weights],
        "unknown": [name for name in weights if name not in wanted and name not in head],
        "of another shape": [f"{n} {tuple(weights[n].shape)} for {tuple(wanted[n].shape)}" for n in others],
    }
    told = [f"{what}: {_first(names)}" for what, names in problems.items() if names]
    if told:
        raise ScansearchError(
            f"the weights of {source} do not fit this network; {'; '.join(told)}; weights are inherited at equal width, depth and "
            "patch size: set these options as they were there"
        )


def _first(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
