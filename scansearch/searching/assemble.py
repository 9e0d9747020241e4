"""A search from its settings to its genotype: puts the parts together, starts or resumes, and writes the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from scansearch.data import ImageData
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.machine.environment import describe
from scansearch.machine.memory import check_fits
from scansearch.machine.numerics import run_numerics
from scansearch.models import ModelSpec, Supernet, bind_to
from scansearch.models.spec import LayerInfo
from scansearch.ops import resolve_backend
from scansearch.registry import DATASETS, STRATEGIES
from scansearch.runs.config import RunConfig, validated
from scansearch.runs.environment import differences, read_environment
from scansearch.runs.folder import RunFolder
from scansearch.runs.settings import DataSettings, MachineSettings, most_threads
from scansearch.searching.check_result import check_result
from scansearch.searching.configure import model_of
from scansearch.searching.from_scratch import TrainedFromScratch
from scansearch.searching.judge import SearchJudge
from scansearch.searching.loop import SearchLoop
from scansearch.searching.result import Result
from scansearch.space import BoundSpace, Costs, SearchSpace
from scansearch.strategy.base import Strategy
from scansearch.training.events import Listener, Silent
from scansearch.training.log import Logged


@dataclass(frozen=True)
class Parts:
    """What a search is made of.

    Args:
        spec: The model, with its options.
        data: The images.
        space: The space as the user named it.
        infos: Where the model's layers stand.
        bound: The space on these layers.
        strategy: The strategy, with its settings.
        fabric: Device, precision and processes.
        environment: Facts about this process that the numbers depend on.
    """

    spec: Any
    data: ImageData
    space: SearchSpace
    infos: Sequence[LayerInfo]
    bound: BoundSpace
    strategy: Strategy
    fabric: Fabric
    environment: dict[str, Any]


def start(config: RunConfig, out: str | Path, listener: Listener | None = None) -> Genotype:
    """Runs a search in a new folder.

    Args:
        config: The run's settings.
        out: The run folder; it must be new or empty.
        listener: Told about progress.

    Returns:
        The genotype, also written to ``genotype.json``.

    Raises:
        ScansearchError: For bad input; before anything is written if it can be known by then.
    """
    with run_numerics():
        listener = listener or Silent()
        parts = assemble(config, listener)
        with RunFolder.new(out, config, parts.environment) as folder:
            listener = Logged(listener, folder.path / "log.txt")
            return _run(parts, config, folder, listener, folder.load(listener.warned))


def resume(path: str | Path, listener: Listener | None = None) -> Genotype:
    """Continues a run from its newest good checkpoint, bit for bit; a finished run only returns its genotype.

    Raises:
        ScansearchError: If what made the checkpoint has changed since, in all but where and how fast the run goes.
    """
    with run_numerics(), RunFolder.open(path).locked() as folder:
        listener = Logged(listener or Silent(), folder.path / "log.txt")
        config, environment = folder.config, read_environment(folder.path)
        if (folder.path / "genotype.json").exists():
            folder.check_origin(listener.warned)
            genotype = Genotype.load(folder.path / "genotype.json")
            check_result(genotype, config, environment, folder.path)
            return genotype
        state = folder.load(listener.warned)
        if not config.machine.threads and environment["threads"] <= most_threads():
            torch.set_num_threads(environment["threads"])
        return _run(assemble(config, listener), config, folder, listener, state)


def assemble(config: RunConfig, listener: Listener) -> Parts:
    """Makes the parts of a search, the supernet excepted.

    Raises:
        ScansearchError: If they do not fit each other, or this machine. Nothing is written.
    """
    machine = config.machine
    if machine.threads:
        torch.set_num_threads(machine.threads)
    spec, data = model_of(config), _images(config.data, listener)
    space = SearchSpace.from_dict(config.space)
    infos = spec.layers(data.shape)
    kind = STRATEGIES.get(config.strategy.name)
    fabric = _fabric(machine)
    backend = resolve_backend(machine.scan_backend, torch.empty(0, device=fabric.device))
    bound = bind_to(space, spec, data.shape, _costs(space, spec, data))
    check_fits(lambda: _supernet(spec, bound, data), fabric.device)
    images = {"name": data.name, "fingerprint": data.fingerprint}
    return Parts(
        spec=spec,
        data=data,
        space=space,
        infos=infos,
        bound=bound,
        strategy=kind(validated(kind.Settings, config.strategy.settings, "strategy")),
        fabric=fabric,
        environment=describe(images, fabric.device, backend, machine.mixture, _precision(machine)),
    )


def _images(settings: DataSettings, listener: Listener) -> ImageData:
    data: ImageData = DATASETS.get(settings.name).load(
        settings.root or None,
        image_size=settings.image_size or None,
        limit=settings.limit or None,
        validation_limit=settings.validation_limit or None,
        skip_damaged=settings.skip_damaged,
        refuse_duplicates=settings.refuse_duplicates,
        progress=listener.checked,
    )
    return data


def _supernet(spec: ModelSpec, bound: BoundSpace, data: ImageData) -> Supernet:
    return spec.supernet([layer.candidates for layer in bound], data.shape)


def _costs(space: SearchSpace, spec: ModelSpec, data: ImageData) -> Costs | None:
    if space.budget is None:
        return None
    from scansearch.cost import costs_of

    return costs_of(space, spec, data.shape)


def _fabric(machine: MachineSettings) -> Fabric:
    if machine.accelerator == "cuda" and not torch.cuda.is_available():
        raise ScansearchError("accelerator=cuda needs a CUDA GPU, but torch finds none here; use --set accelerator=cpu")
    if machine.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ScansearchError(
            "accelerator=mps needs an Apple GPU, but torch finds none here; use --set accelerator=cpu"
        )
    return Fabric(accelerator=machine.accelerator, devices=machine.devices, precision=_precision(machine))  # type: ignore[arg-type]


def _precision(machine: MachineSettings) -> str:
    on_gpu = machine.accelerator == "cuda" or (machine.accelerator == "auto" and torch.cuda.is_available())
    return {"auto": "bf16-mixed" if on_gpu else "32-true", "32": "32-true", "bf16": "bf16-mixed"}[machine.precision]


def make_loop(parts: Parts, config: RunConfig, folder: RunFolder, listener: Listener) -> SearchLoop:
    """The search before its first step, with a new supernet."""
    parts.fabric.launch()
    torch.manual_seed(config.seed)
    spec, data, bound, fabric = parts.spec, parts.data, parts.bound, parts.fabric
    supernet = _supernet(spec, bound, data)
    train = TrainedFromScratch(spec, bound, data, config, fabric, folder.path)
    return SearchLoop(
        fabric, supernet, parts.strategy, bound, data, config, folder, listener, partial(SearchJudge, train)
    )


def notes_of(parts: Parts, config: RunConfig) -> list[str]:
    """What the user should know about this search, a line each; of a loop that is made."""
    return [*parts.data.notes, *parts.bound.notes(), *parts.strategy.notes(), *config.train.notes()]


def _run(
    parts: Parts, config: RunConfig, folder: RunFolder, listener: Listener, state: dict[str, Any] | None
) -> Genotype:
    loop = make_loop(parts, config, folder, listener)
    environment = _environment(parts, config, folder, listener)
    for note in notes_of(parts, config):
        listener.warned(note)
    if state is not None:
        loop.restore(state)
    folder.rewind()
    if state is None:
        loop.save()
    listener.started(_facts(parts, config, loop, environment, resumed=state is not None), loop.progress())
    loop.run()
    result = Result(config, parts.space, parts.infos, loop, environment)
    genotype = result.genotype()
    for number, other in result.front().items():
        other.save(folder.path / "front" / f"{number}.json")
    genotype.save(folder.path / "genotype.json")  # last: with it the run has ended
    return genotype


def _facts(
    parts: Parts, config: RunConfig, loop: SearchLoop, environment: dict[str, Any], *, resumed: bool
) -> dict[str, Any]:
    bound, data = parts.bound, parts.data
    return {
        "model": config.model.name,
        "layers": len(bound),
        "candidates": sorted({len(layer.candidates) for layer in bound}),
        "keep": sorted({n for layer in bound for n in (layer.least, layer.most)}),
        "genotypes": bound.size,
        "parameters": sum(p.numel() for p in loop.supernet.parameters()),
        "images": len(data.train),
        "mean": [float(f"{value:.6g}") for value in data.mean],
        "std": [float(f"{value:.6g}") for value in data.std],
        "device": environment["device"],
        "scan_backend": environment["scan_backend"],
        "resumed": resumed,
    }


def _environment(parts: Parts, config: RunConfig, folder: RunFolder, listener: Listener) -> dict[str, Any]:
    now, before = parts.environment, read_environment(folder.path)
    if before.get("data") != now["data"]:
        raise ScansearchError(
            f"the images of {config.data.name} changed since the run began: their fingerprint is not that of "
            f"{folder.path / 'environment.json'}; restore them or start a new run"
        )
    for line in differences(before, now):
        listener.warned(f"{line}; the run continues, but not bit for bit")
    return before
