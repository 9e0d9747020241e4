"""What a search would do, known before it does anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scansearch.machine import launched
from scansearch.machine.numerics import run_numerics
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import RunFolder
from scansearch.searching.assemble import Parts, assemble, check_processes, make_loop, notes_of, space_facts
from scansearch.searching.loop import SearchLoop
from scansearch.searching.step_time import measure
from scansearch.training.batches import check_shares
from scansearch.training.events import Listener, Silent
from scansearch.training.join import check_accelerator, join

BYTES = 4  # of a float32 number
MOMENTS = {"adamw": 2, "sgd": 1}
"""Numbers that an optimiser keeps of every parameter."""


def dry_run(config: RunConfig, out: str | Path, listener: Listener | None = None) -> dict[str, Any]:
    """All settings of a search, and how much it would be. The images are read, and a few steps taken; nothing is written.

    Args:
        config: The run's settings.
        out: The run folder.
        listener: Told about progress.

    Returns:
        JSON data.

    Raises:
        ScansearchError: For everything that would keep the search from starting.
    """
    listener, folder = listener or Silent(), RunFolder(out)
    folder.check_new()
    processes = launched.size()
    alone = config.machine
    if not launched.launched():
        processes, alone = config.machine.devices, config.machine.model_copy(update={"devices": 1})
        check_accelerator(config.machine, processes)
    check_processes(config, processes)
    with run_numerics():
        machine, fabric = join(alone)
        own = config.model_copy(update={"machine": machine})
        parts = assemble(own, fabric, listener)
        parts.strategy.rehearse()
        loop = make_loop(parts, own, folder, listener)
        _check_batches(loop, processes)
        return {
            "settings": config.model_dump(mode="json", exclude_none=True),
            "images": _images(parts),
            "space": space_facts(parts.bound),
            "work": _work(loop),
            "memory": _memory(loop, config),
            "notes": notes_of(parts, own),
            "time": _time(loop, processes),
        }


def _check_batches(loop: SearchLoop, processes: int) -> None:
    """Few images make smaller batches than the settings say."""
    for batches in (loop.feed.batches, loop.feed.held_out_batches):
        if batches is not None:
            check_shares(batches.size, processes)


def _time(loop: SearchLoop, processes: int) -> dict[str, Any]:
    """Seconds of a step and of all of them, or why they are not known."""
    found = measure(loop, processes)
    if found.seconds is None:
        return {"measured_steps": 0, "seconds_per_step": None, "seconds": None, "reason": found.reason}
    per_step = float(f"{found.seconds:.3g}")
    return {
        "measured_steps": found.steps,
        "seconds_per_step": per_step,
        "seconds": float(f"{found.seconds * loop.plan.steps:.3g}"),
    }


def _images(parts: Parts) -> dict[str, Any]:
    data = parts.data
    shape = [data.channels, *data.image_size]
    return {"train": len(data.train), "validation": len(data.validation), "shape": shape, "classes": data.num_classes}


def _work(loop: SearchLoop) -> dict[str, int]:
    traits, plan = loop.strategy.traits, loop.plan
    trains = traits.trains_supernet
    return {
        "epochs": plan.epochs if trains else 0,
        "steps_per_epoch": plan.steps_per_epoch,
        "steps": plan.steps if trains else 0,
        "judgements": traits.judgements,
        "tunings": traits.tunings,
    }


def _memory(loop: SearchLoop, config: RunConfig) -> dict[str, int]:
    """Bytes; what a step keeps for its backward pass comes on top."""
    count = sum(p.numel() for p in loop.supernet.parameters())
    moments = 0 if config.train.optimizer == "sgd" and not config.train.momentum else MOMENTS[config.train.optimizer]
    sizes = {"weights": BYTES * count, "gradients": BYTES * count, "optimizer": BYTES * count * moments}
    return {"parameters": count, **sizes}
