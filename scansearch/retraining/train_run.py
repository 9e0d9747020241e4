"""A training from its settings to its weights: puts the parts together, starts or resumes, and writes the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from scansearch.data import ImageData
from scansearch.genotype import Genotype
from scansearch.machine.memory import check_fits
from scansearch.machine.numerics import run_numerics
from scansearch.models import ModelSpec
from scansearch.ops import resolve_backend
from scansearch.retraining.fitting_model import check_model, grid_notes
from scansearch.retraining.inherit import inherited
from scansearch.retraining.recipe import find_recipe, recipe_names
from scansearch.retraining.train_loop import TrainLoop
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import RunFolder
from scansearch.runs.origin import compare
from scansearch.runs.run import Run
from scansearch.runs.weights_file import WEIGHTS, NetworkFacts, load_network, save_weights
from scansearch.searching.configure import model_of
from scansearch.searching.run_parts import (
    check_augmentation,
    check_environment,
    environment_of,
    images_of,
    machine_of,
    started_facts,
)
from scansearch.searching.shared_folder import Past, new_run, old_run
from scansearch.training.batches import check_shares
from scansearch.training.events import Listener, Silent
from scansearch.training.join import join
from scansearch.training.log import Logged
from scansearch.training.parameter_groups import parameter_groups
from scansearch.training.processes import Processes


@dataclass(frozen=True)
class TrainParts:
    """What a training is made of.

    Args:
        spec: The model, with its options.
        data: The images.
        genotype: The directions, with all that is known about them.
        fabric: Device, precision and processes.
        environment: Facts about this process that the numbers depend on.
    """

    spec: ModelSpec
    data: ImageData
    genotype: Genotype
    fabric: Fabric
    environment: dict[str, Any]

    def network(self) -> nn.Module:
        """The network with fresh weights."""
        return self.spec.network(self.genotype.directions, self.data.shape)

    def facts(self, config: RunConfig) -> NetworkFacts:
        """What the file of the weights says of them."""
        data, shape = self.data, self.data.shape
        return NetworkFacts(
            model=self.spec.name, options=config.model.settings, directions=self.genotype.directions, shape=shape,
            class_names=data.class_names, mean=data.mean, std=data.std,
        )  # fmt: skip

    def named(self, config: RunConfig) -> Genotype:
        """The genotype with the model and the images of this training."""
        told = {"model": self.spec.name, "options": config.model.settings, "shape": self.data.shape}
        return self.genotype.model_copy(update=told)


def start_training(
    config: RunConfig, genotype: Genotype, out: str | Path, listener: Listener | None = None
) -> nn.Module:  # fmt: skip
    """Trains a network in a new folder, with the processes that this one was launched with.

    Args:
        config: The run's settings.
        genotype: That whose directions they name.
        out: The run folder; it must be new or empty.
        listener: Told about progress; only that of the first process is.

    Returns:
        The trained network, in evaluation mode, where it was trained; its weights are in ``weights.safetensors``, too.

    Raises:
        ScansearchError: For bad input; before anything is written if it can be known by then.
    """
    with run_numerics():
        machine, fabric = join(config.machine)
        config, processes = config.model_copy(update={"machine": machine}), Processes(fabric)
        told = listener if listener is not None and processes.is_first else Silent()
        parts = processes.together(lambda: assemble_training(config, genotype, fabric, told))
        with new_run(processes, out, config, parts.environment) as folder:
            told = Logged(told, folder.path / "log.txt") if processes.is_first else told
            return _run(parts, config, folder, told, processes.from_first(lambda: Past.of(folder, told)))


def resume_training(path: str | Path, listener: Listener | None = None, devices: int | None = None) -> nn.Module:
    """Continues a training from its newest good checkpoint, bit for bit; one that is done only returns its network.

    Args:
        path: The run folder.
        listener: Told about progress; only that of the first process is.
        devices: Processes on each node, if not as many as the run began with; then it goes on, but not bit for bit.

    Raises:
        ScansearchError: If what made the checkpoint has changed since, in all but where and how fast the run goes.
    """
    with run_numerics():
        machine, fabric = join(machine_of(path, devices))
        processes = Processes(fabric)
        with old_run(processes, path) as folder:
            told = Logged(listener or Silent(), folder.path / "log.txt") if processes.is_first else Silent()
            if processes.from_first(lambda: _is_done(folder, told)):
                return load_network(folder.path / WEIGHTS)[1]
            past = processes.from_first(lambda: Past.of(folder, told))
            config = past.going_on(machine, processes)
            parts = processes.together(lambda: assemble_training(config, genotype_of(folder), fabric, told))
            return _run(parts, config, folder, told, past)


def assemble_training(config: RunConfig, genotype: Genotype, fabric: Fabric, listener: Listener) -> TrainParts:
    """Makes the parts of a training, the network excepted.

    Raises:
        ScansearchError: If they do not fit each other, or this machine. Nothing is written.
    """
    machine = config.machine
    check_shares(config.train.batch_size, fabric.world_size)
    spec, backend = model_of(config), resolve_backend(machine.scan_backend, torch.empty(0, device=fabric.device))
    data = images_of(config.data, listener)
    check_augmentation(config.augment, data)
    check_model(genotype, spec, data.shape)
    check_fits(lambda: spec.network(genotype.directions, data.shape), fabric.device)
    with torch.device("meta"):
        parameter_groups(spec.network(genotype.directions, data.shape), config.train)
    facts = environment_of(config.machine, data, backend, fabric)
    return TrainParts(spec, data, genotype, fabric, facts)


def genotype_of(folder: RunFolder | Run) -> Genotype:
    """The genotype of a training: as the folder has it, or, where there is none, as its settings name it.

    Raises:
        ScansearchError: If the two differ.
    """
    path, part = folder.path / "genotype.json", folder.config.genotype
    assert part is not None  # of a training
    if not path.exists():
        return Genotype.from_directions(part.directions)
    genotype = Genotype.load(path)
    there, ours = (
        {"directions": directions} for directions in (genotype.directions, [list(names) for names in part.directions])
    )
    compare(there, ours, f"{path} says", "config.toml has")
    return genotype


def _is_done(folder: RunFolder, listener: Listener) -> bool:
    """Whether a training has ended; then it is checked that its result was made by the settings that it names."""
    if not (folder.path / WEIGHTS).exists():
        return False
    folder.check_origin(listener.warned)
    genotype, path = genotype_of(folder), folder.path / "genotype.json"
    if not path.exists():
        facts, _ = load_network(folder.path / WEIGHTS)
        told = {"model": facts.model, "options": facts.options, "shape": facts.shape}
        genotype.model_copy(update=told).save(path)
        listener.warned(f"{path} was lost; it is written again, without what the search had said of its choices")
    return True


def _run(parts: TrainParts, config: RunConfig, folder: RunFolder, listener: Listener, past: Past) -> nn.Module:
    processes = Processes(parts.fabric)
    torch.manual_seed(config.seed)
    network, notes = parts.network(), notes_of(parts, config)
    if past.state is None and config.inherit is not None:
        line = processes.together(
            lambda: inherited(network, parts.spec, parts.data.shape, config, parts.fabric.device, listener)
        )
        notes.append(line)
    loop = TrainLoop(network, parts.data, config, parts.fabric, folder, listener)
    processes.together(lambda: check_environment(parts.environment, folder, listener, past.environment))
    for note in notes:
        listener.warned(note)
    if past.state is not None:
        loop.restore(past.state)
        past.state.clear()  # weights and moments, which the loop has now, are not held twice
    if processes.is_first:
        folder.rewind()
        parts.named(config).save(folder.path / "genotype.json")
    if past.state is None:
        loop.save()
    listener.started(_facts(parts, config, network, past), loop.progress())
    loop.run()
    if processes.is_first:
        save_weights(folder.path / WEIGHTS, loop.kept, parts.facts(config))  # last: with it the run has ended
    return loop.kept.requires_grad_().eval()


def notes_of(parts: TrainParts, config: RunConfig) -> list[str]:
    """What the user should know about this training, a line each."""
    name = config.preset or ""
    recipe = find_recipe(name).notes(name, "recipe") if name in recipe_names() else []
    return [
        *parts.data.notes,
        *grid_notes(parts.genotype, parts.spec, parts.data.shape),
        *config.train.notes(),
        *recipe,
    ]


def _facts(parts: TrainParts, config: RunConfig, network: nn.Module, past: Past) -> dict[str, Any]:
    return {
        **started_facts(config, parts.data, network, past.environment, resumed=past.state is not None),
        "layers": len(parts.genotype.layers),
        "image_size": list(parts.data.image_size),
        "recipe": config.preset,
    }
