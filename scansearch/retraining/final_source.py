"""What can be evaluated: a training's run folder, or a file of weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.models import ModelSpec
from scansearch.registry import MODELS
from scansearch.retraining.tensor_file import read_tensors
from scansearch.runs.run import Run
from scansearch.runs.settings import MachineSettings
from scansearch.runs.weights_file import WEIGHTS, NetworkFacts, put_in
from scansearch.shape import ImageShape

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation with which published networks were trained on ImageNet."""
IMAGENET_SHAPE = ImageShape(224, 224, channels=3, classes=1000)


@dataclass(frozen=True)
class FinalNetwork:
    """A trained network, and what is known about it.

    Args:
        network: With its weights, on the CPU, in evaluation mode.
        facts: What rebuilds it; without names of classes if the file does not tell them.
        run: Its run, if it is of one.
    """

    network: nn.Module
    facts: NetworkFacts
    run: Run | None

    @property
    def data_defaults(self) -> dict[str, Any]:
        """The data set of the training."""
        data = None if self.run is None else self.run.config.data
        return {} if data is None else data.model_dump(include={"name", "root", "skip_damaged", "evaluation_crop"})

    @property
    def machine(self) -> MachineSettings:
        """Where and how exactly it is evaluated: as it was trained, in one process."""
        machine = MachineSettings() if self.run is None else self.run.config.machine
        return machine.model_copy(update={"devices": 1})


def run_folder(path: Path) -> Path | None:
    """The run folder that is meant by a path: the folder itself, or that in which the weights of a training lie; else ``None``."""
    if path.name == WEIGHTS and (path.parent / "config.toml").is_file():
        return path.parent
    return path if path.is_dir() else None


def open_final(path: str | Path, model: str | None = None, genotype: Genotype | None = None) -> FinalNetwork:
    """Opens a trained network.

    Args:
        path: A run folder, or a file of weights.
        model: Of a file that does not say what network it is of, its model.
        genotype: Likewise, its directions.

    Raises:
        ScansearchError: If there is none, or it is not known what network its weights are for.
    """
    path = Path(path)
    folder = run_folder(path)
    run = None if folder is None else Run.open(folder)
    facts, tensors = read_tensors(path if run is None else run.weights)
    if facts is None:
        facts, network = _published(path, tensors, model, genotype)
    else:
        if model is not None or genotype is not None:
            raise ScansearchError(
                f"{path} says itself what network it is of, {facts.model}; leave --model and --genotype out"
            )
        network = facts.build()
        put_in(network, tensors, str(path))
    return FinalNetwork(network.eval(), facts, run)


def _published(
    path: Path, tensors: dict[str, Any], model: str | None, genotype: Genotype | None
) -> tuple[NetworkFacts, nn.Module]:
    name = model or (genotype.model if genotype else None)
    if name is None or genotype is None:
        raise ScansearchError(
            f"{path} does not say what network its weights are for; add --genotype, and --model if that names none"
        )
    options = dict(genotype.options or {}) if name == genotype.model else {}
    spec: ModelSpec = MODELS.get(name).configure(**options)
    shape = spec.official_shape(tensors, genotype.shape or IMAGENET_SHAPE)
    network = spec.network(genotype.directions, shape)
    spec.load_official(network, tensors)
    mean, std = IMAGENET if shape.channels == 3 else ((0.5,) * shape.channels,) * 2
    return NetworkFacts(
        model=name, options=options, directions=genotype.directions, shape=shape, class_names=(), mean=mean, std=std
    ), network  # fmt: skip
