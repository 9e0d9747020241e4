"""A search from its settings to its genotype: puts the parts together, starts or resumes, and writes the result."""

from __future__ import annotations

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
from scansearch.models import Supernet
from scansearch.ops import resolve_backend
from scansearch.registry import DATASETS, MODELS, STRATEGIES
from scansearch.runs.config import RunConfig, most_threads, validated
from scansearch.runs.environment import differences, read_environment
from scansearch.runs.folder import RunFolder
from scansearch.runs.origin import check_result
from scansearch.searching.judge import SearchJudge
from scansearch.searching.loop import SearchLoop
from scansearch.searching.result import Result
from scansearch.searching.standalone import StandAlone
from scansearch.space import BoundSpace, Costs, SearchSpace
from scansearch.training.events import Listener, Silent
from scansearch.training.log import Logged


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
        parts = _assemble(config, listener)
        with RunFolder.new(out, config, parts["environment"]) as folder:
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
        if not config.train.threads and environment["threads"] <= most_threads():
            torch.set_num_threads(environment["threads"])
        return _run(_assemble(config, listener), config, folder, listener, state)


def _assemble(config: RunConfig, listener: Listener) -> dict[str, Any]:
    train = config.train
    if train.threads:
        torch.set_num_threads(train.threads)
    spec = MODELS.get(config.model).configure(**config.model_settings)
    data: ImageData = DATASETS.get(config.data).load(
        config.data_root or None,
        image_size=train.image_size or None,
        limit=train.limit or None,
        validation_limit=train.validation_limit or None,
        skip_damaged=train.skip_damaged,
        refuse_duplicates=train.refuse_duplicates,
        progress=listener.checked,
    )
    space = SearchSpace.from_dict(config.space)
    infos = spec.layers(data.image_size)
    kind = STRATEGIES.get(config.strategy)
    fabric = _fabric(config)
    backend = resolve_backend(
        str(config.model_settings.get("scan_backend", "auto")), torch.empty(0, device=fabric.device)
    )
    bound = space.bind([info.grid for info in infos], [info.stage for info in infos], _costs(space, spec, data))
    check_fits(lambda: _supernet(spec, bound, data), fabric.device)
    return {
        "spec": spec,
        "data": data,
        "space": space,
        "infos": infos,
        "bound": bound,
        "strategy": kind(validated(kind.Settings, config.strategy_settings, "strategy")),
        "fabric": fabric,
        "environment": describe(
            {"name": data.name, "fingerprint": data.fingerprint},
            fabric.device,
            backend,
            str(config.model_settings.get("mixture", "auto")),
        ),
    }


def _supernet(spec: Any, bound: BoundSpace, data: ImageData) -> Supernet:
    supernet: Supernet = spec.supernet([layer.candidates for layer in bound], **_sizes(data))
    return supernet


def _sizes(data: ImageData) -> dict[str, Any]:
    return {"num_classes": data.num_classes, "image_size": data.image_size, "in_channels": data.channels}


def _costs(space: SearchSpace, spec: Any, data: ImageData) -> Costs | None:
    if space.budget is None:
        return None
    from scansearch.cost import costs_of

    return costs_of(space, spec, **_sizes(data))


def _fabric(config: RunConfig) -> Fabric:
    train = config.train
    if train.accelerator == "cuda" and not torch.cuda.is_available():
        raise ScansearchError("accelerator=cuda needs a CUDA GPU, but torch finds none here; use --set accelerator=cpu")
    if train.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ScansearchError(
            "accelerator=mps needs an Apple GPU, but torch finds none here; use --set accelerator=cpu"
        )
    on_gpu = train.accelerator == "cuda" or (train.accelerator == "auto" and torch.cuda.is_available())
    names = {"auto": "bf16-mixed" if on_gpu else "32-true", "32": "32-true", "bf16": "bf16-mixed"}
    return Fabric(accelerator=train.accelerator, devices=1, precision=names[train.precision])  # type: ignore[arg-type]


def _run(
    parts: dict[str, Any], config: RunConfig, folder: RunFolder, listener: Listener, state: dict[str, Any] | None
) -> Genotype:
    fabric, data, bound, strategy = parts["fabric"], parts["data"], parts["bound"], parts["strategy"]
    fabric.launch()
    torch.manual_seed(config.seed)
    supernet = _supernet(parts["spec"], bound, data)
    alone = StandAlone(parts["spec"], bound, data, _sizes(data), config, fabric, folder.path)
    judge = partial(SearchJudge, alone)
    loop = SearchLoop(fabric, supernet, strategy, bound, data, config, folder, listener, judge)
    environment = _environment(parts, config, folder, listener)
    for note in (*data.notes, *bound.notes(), *strategy.notes(), *config.train.notes()):
        listener.warned(note)
    if state is not None:
        loop.restore(state)
    folder.rewind()
    if state is None:
        loop.save()
    facts = {
        "model": config.model,
        "layers": len(bound),
        "candidates": sorted({len(layer.candidates) for layer in bound}),
        "keep": sorted({n for layer in bound for n in (layer.least, layer.most)}),
        "genotypes": bound.size,
        "parameters": sum(p.numel() for p in supernet.parameters()),
        "images": len(data.train),
        "mean": [float(f"{value:.6g}") for value in data.mean],
        "std": [float(f"{value:.6g}") for value in data.std],
        "device": environment["device"],
        "scan_backend": environment["scan_backend"],
        "resumed": state is not None,
    }
    listener.started(facts, loop.progress())
    loop.run()
    result = Result(config, parts["space"], parts["infos"], loop, environment)
    genotype = result.genotype()
    for number, other in result.front().items():
        other.save(folder.path / "front" / f"{number}.json")
    genotype.save(folder.path / "genotype.json")  # last: with it the run has ended
    return genotype


def _environment(parts: dict[str, Any], config: RunConfig, folder: RunFolder, listener: Listener) -> dict[str, Any]:
    now, before = parts["environment"], read_environment(folder.path)
    if before.get("data") != now["data"]:
        raise ScansearchError(
            f"the images of {config.data} changed since the run began: their fingerprint is not that of "
            f"{folder.path / 'environment.json'}; restore them or start a new run"
        )
    for line in differences(before, now):
        listener.warned(f"{line}; the run continues, but not bit for bit")
    return before
