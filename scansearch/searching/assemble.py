"""A search from its settings to its genotype: puts the parts together, starts or resumes, and writes the result."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from scansearch.data import ImageData
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.machine.memory import check_fits
from scansearch.machine.numerics import run_numerics
from scansearch.models import ModelSpec, bind_to
from scansearch.ops import resolve_backend
from scansearch.registry import STRATEGIES
from scansearch.runs.config import RunConfig, validated
from scansearch.runs.environment_json import read_environment
from scansearch.runs.folder import RunFolder
from scansearch.searching.check_result import check_result
from scansearch.searching.configure import model_of
from scansearch.searching.length import length_notes
from scansearch.searching.loop import SearchLoop
from scansearch.searching.mixture_choice import as_before, settled
from scansearch.searching.result import Result
from scansearch.searching.run_parts import (
    check_augmentation,
    check_environment,
    environment_of,
    images_of,
    machine_of,
    started_facts,
)
from scansearch.searching.search_parts import Parts, make_loop
from scansearch.searching.shared_folder import Past, new_run, old_run
from scansearch.space import BoundSpace, Costs, SearchSpace
from scansearch.strategy.strategy import Strategy
from scansearch.training.batches import check_shares
from scansearch.training.events import Listener, Silent
from scansearch.training.join import join
from scansearch.training.log import Logged
from scansearch.training.processes import Processes


def start(config: RunConfig, out: str | Path, listener: Listener | None = None) -> Genotype:
    """Runs a search in a new folder, with the processes that this one was launched with.

    Args:
        config: The run's settings.
        out: The run folder; it must be new or empty.
        listener: Told about progress; only that of the first process is.

    Returns:
        The genotype, also written to ``genotype.json``.

    Raises:
        ScansearchError: For bad input; before anything is written if it can be known by then.
    """
    with run_numerics():
        machine, fabric = join(config.machine)
        config, processes = config.model_copy(update={"machine": machine}), Processes(fabric)
        told = listener if listener is not None and processes.is_first else Silent()
        parts = processes.together(lambda: assemble(config, fabric, told))
        parts = processes.together(lambda: settled(parts, config, processes.size))
        with new_run(processes, out, config, parts.environment) as folder:
            told = Logged(told, folder.path / "log.txt") if processes.is_first else told
            return _run(parts, config, folder, told, processes.from_first(lambda: Past.of(folder, told)))


def resume(path: str | Path, listener: Listener | None = None, devices: int | None = None) -> Genotype:
    """Continues a run from its newest good checkpoint, bit for bit; a finished run only returns its genotype.

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
            if (done := processes.from_first(lambda: _finished(folder, fabric, told))) is not None:
                return done
            past = processes.from_first(lambda: Past.of(folder, told))
            config = past.going_on(machine, processes)
            parts = processes.together(lambda: as_before(assemble(config, fabric, told), config, past.environment))
            return _run(parts, config, folder, told, past)


def finished(folder: RunFolder, listener: Listener) -> Genotype | None:
    """The genotype of a run that has ended, once it was checked; the images are not asked for. ``None`` if it has not ended.

    Raises:
        RunFolderError: If the checkpoints or the genotype were made by other settings than the folder says.
    """
    path = folder.path / "genotype.json"
    if not path.exists():
        return None
    folder.check_origin(listener.warned)
    genotype = Genotype.load(path)
    check_result(genotype, folder.config, read_environment(folder.path), folder.path)
    return genotype


def _finished(folder: RunFolder, fabric: Fabric, listener: Listener) -> Genotype | None:
    """The same, and whether all that the run names is there."""
    if (folder.path / "genotype.json").exists():
        _named(folder.config, fabric)
    return finished(folder, listener)


def assemble(config: RunConfig, fabric: Fabric, listener: Listener) -> Parts:
    """Makes the parts of a search, the supernet excepted.

    Raises:
        ScansearchError: If they do not fit each other, or this machine. Nothing is written.
    """
    check_processes(config, fabric.world_size)
    spec, space, strategy, backend = _named(config, fabric)
    data = images_of(config.data, listener)
    check_augmentation(config.augment, data)
    bound = bind_to(space, spec, data.shape, _costs(space, spec, data))
    facts = environment_of(config.machine, data, backend, fabric)
    parts = Parts(
        spec=spec,
        data=data,
        space=space,
        bound=bound,
        strategy=strategy,
        fabric=fabric,
        environment=facts,
    )
    check_fits(parts.supernet, fabric.device)
    return parts


def _named(config: RunConfig, fabric: Fabric) -> tuple[ModelSpec, SearchSpace, Strategy, str]:
    """Model, space, strategy and backend as the settings name them, which may have been edited.

    Raises:
        ScansearchError: If one is unknown, cannot run here, or has a setting that it does not take.
    """
    kind = STRATEGIES.get(config.strategy.name)
    return (
        model_of(config),
        SearchSpace.from_dict(config.space),
        kind(validated(kind.Settings, config.strategy.settings, "strategy")),
        resolve_backend(config.machine.scan_backend, torch.empty(0, device=fabric.device)),
    )


def check_processes(config: RunConfig, processes: int) -> None:
    """Checks that so many processes can share a search.

    Raises:
        ScansearchError: If not.
    """
    check_shares(config.train.batch_size, processes)
    if processes > 1 and config.strategy.settings.get("storage"):
        raise ScansearchError(
            f"a study in a storage is shared by searches of one process each, but this one has {processes}; leave devices or "
            "storage out"
        )


def _costs(space: SearchSpace, spec: ModelSpec, data: ImageData) -> Costs | None:
    if space.budget is None:
        return None
    from scansearch.cost import costs_of

    return costs_of(space, spec, data.shape)


def notes_of(parts: Parts, config: RunConfig) -> list[str]:
    """What the user should know about this search, a line each; of a loop that is made."""
    presets = [preset.notes(name) for name, preset in parts.strategy.presets.items() if name == config.preset]
    length = length_notes(parts.strategy.plan, parts.strategy.traits)
    found = (parts.data.notes, parts.bound.notes(), parts.strategy.notes(), length, config.train.notes(), *presets)
    return list(chain(*found))


def _run(parts: Parts, config: RunConfig, folder: RunFolder, listener: Listener, past: Past) -> Genotype:
    loop, processes = make_loop(parts, config, folder, listener), Processes(parts.fabric)
    processes.together(lambda: check_environment(parts.environment, folder, listener, past.environment))
    for note in notes_of(parts, config):
        listener.warned(note)
    if past.state is not None:
        loop.restore(past.state)
        past.state.clear()  # weights and moments, which the loop has now, are not held twice
    if processes.is_first:
        folder.rewind()
    if past.state is None:
        loop.save()
    facts = _facts(parts, config, loop, past.environment, resumed=past.state is not None)
    listener.started(facts, loop.progress())
    loop.run()
    result = Result(config, parts.space, loop, past.environment)
    genotype = result.genotype()
    if processes.is_first:
        for number, other in result.front().items():
            other.save(folder.path / "front" / f"{number}.json")
        genotype.save(folder.path / "genotype.json")  # last: with it the run has ended
    return genotype


def space_facts(bound: BoundSpace) -> dict[str, Any]:
    """How large the space is on this model: layers, how many candidates they have and keep, and genotypes."""
    return {
        "layers": len(bound),
        "candidates": sorted({len(layer.candidates) for layer in bound}),
        "keep": sorted({n for layer in bound for n in (layer.least, layer.most)}),
        "genotypes": bound.size,
    }


def _facts(
    parts: Parts, config: RunConfig, loop: SearchLoop, environment: dict[str, Any], *, resumed: bool
) -> dict[str, Any]:
    return {
        **space_facts(parts.bound),
        "gradual": loop.strategy.traits.gradual,
        **started_facts(config, parts.data, loop.supernet, environment, resumed=resumed),
    }
