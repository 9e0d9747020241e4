"""What a search would be, known before it does anything: how large, how much memory, how long a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scansearch.machine import launched
from scansearch.machine.numerics import run_numerics
from scansearch.machine.resident_memory import resident_memory
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import RunFolder
from scansearch.searching.assemble import assemble, check_processes, notes_of, space_facts
from scansearch.searching.footprint import Footprint, footprint, small_feed
from scansearch.searching.loop import SearchLoop
from scansearch.searching.memory_fit import AFTER, Device, device_of
from scansearch.searching.mixture_choice import choose, chosen, is_open, way_out
from scansearch.searching.search_parts import Parts, make_loop
from scansearch.searching.step_time import FEWEST, measure
from scansearch.training.batches import check_shares
from scansearch.training.events import Listener, Silent
from scansearch.training.join import check_accelerator, join

BYTES = 4  # of a float32 number
MOMENTS = {"adamw": 2, "sgd": 1}
"""Numbers that an optimiser keeps of every parameter."""


def estimate(config: RunConfig, out: str | Path | None = None, listener: Listener | None = None) -> dict[str, Any]:
    """How much a search would be. The images are read, and a few steps taken, most of them small; nothing is written.

    Args:
        config: The run's settings.
        out: The run folder, to see whether it could be one.
        listener: Told about progress.

    Returns:
        JSON data.

    Raises:
        ScansearchError: For everything that would keep the search from starting, want of memory excepted.
    """
    listener, folder = listener or Silent(), RunFolder(out or ".")
    if out is not None:
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
        shared = own if launched.launched() else config
        parts = assemble(own, fabric, listener)
        parts.strategy.rehearse()
        device, found = device_of(parts, shared), None
        if is_open(parts, own):
            choice = choose(parts, shared, device, processes)
            parts, found = chosen(parts, choice), choice.found
        if found is None and parts.strategy.traits.trains_supernet:
            found = footprint(parts, shared, parts.spec, device.room)
        device = device._replace(base=resident_memory() + AFTER)
        loop = make_loop(parts, own, folder, listener)
        _check_batches(loop, processes)
        images = loop.feed.batches.size // processes
        memory = _memory(loop, config)
        if found is not None:
            memory |= _peak(parts, shared, found, device, images, processes)
        return {
            "settings": config.model_dump(mode="json", exclude_none=True),
            "images": _images(parts),
            "space": space_facts(parts.bound),
            "work": _work(loop),
            "memory": memory,
            "notes": notes_of(parts, own),
            "time": _time(loop, own, processes, _most(found, device, images)),
        }


def _peak(
    parts: Parts, config: RunConfig, found: Footprint, device: Device, images: int, processes: int
) -> dict[str, Any]:
    """Bytes of a process at the peak of the search, and what to do if there are not so many."""
    live = found.bytes_at(images)
    facts = {
        "tensors": live,
        "process": 0 if device.kind == "cuda" else device.base,
        "peak": device._replace(sharing=1).needs(live),
        "processes": 1 if device.kind == "cuda" else device.sharing,
        "device": device.kind,
        "available": device.total,
        "mixture": parts.environment["mixture"],
        "reason": parts.environment.get("mixture_reason"),
        "fails": device.fails(live),
        "advice": None,
    }
    if not device.fits(live, 1.0):
        facts["advice"] = way_out(parts, config, found, device, processes)
    return facts


def _most(found: Footprint | None, device: Device, images: int) -> int:
    """How many images of a batch can be tried; 0 if not even one."""
    while found is not None and images and not device.fits(found.bytes_at(images)):
        images //= 2
    return images


def _check_batches(loop: SearchLoop, processes: int) -> None:
    """Few images make smaller batches than the settings say."""
    for batches in (loop.feed.batches, loop.feed.held_out_batches):
        if batches is not None:
            check_shares(batches.size, processes)


def _time(loop: SearchLoop, config: RunConfig, processes: int, most: int) -> dict[str, Any]:
    """Seconds of a step and of all of them, or why they are not known."""
    if not loop.strategy.traits.trains_supernet:
        return _unknown("how long networks train from scratch is not measured")
    if processes > 1:
        return _unknown(f"it is not measured for {processes} processes")
    if most < min(FEWEST, loop.feed.batches.size):
        return _unknown("not even a step of a few images fits into memory")
    found = measure(lambda images: _step(loop, config, images), loop.feed.batches.size, most)
    return {
        "measured_steps": found.steps,
        "measured_batches": list(found.batches),
        "seconds_per_step": float(f"{found.seconds:.3g}"),
        "seconds": float(f"{found.seconds * loop.plan.steps:.3g}"),
    }


def _unknown(reason: str) -> dict[str, Any]:
    return {"measured_steps": 0, "measured_batches": [], "seconds_per_step": None, "seconds": None, "reason": reason}


def _step(loop: SearchLoop, config: RunConfig, images: int) -> None:
    """The last step of the search, in which all that learns does, with so many images."""
    if images != loop.feed.batches.size:
        loop.feed = small_feed(loop, config, images)
    loop.step = loop.plan.steps - 1
    loop.advance()
    loop.meter.settle()  # a GPU works behind the caller's back


def _images(parts: Parts) -> dict[str, Any]:
    data = parts.data
    shape = [data.channels, *data.image_size]
    return {"train": len(data.train), "validation": len(data.validation), "shape": shape, "classes": data.num_classes}


def _work(loop: SearchLoop) -> dict[str, int]:
    traits, plan = loop.strategy.traits, loop.plan
    trains = traits.trains_supernet
    return {
        "epochs": plan.epochs if trains else 0,
        "batch": loop.feed.batches.size,
        "steps_per_epoch": plan.steps_per_epoch,
        "steps": plan.steps if trains else 0,
        "judgements": traits.judgements,
        "tunings": traits.tunings,
    }


def _memory(loop: SearchLoop, config: RunConfig) -> dict[str, Any]:
    """Bytes of what is there all the time."""
    count = sum(p.numel() for p in loop.supernet.parameters())
    moments = 0 if config.train.optimizer == "sgd" and not config.train.momentum else MOMENTS[config.train.optimizer]
    sizes = {"weights": BYTES * count, "gradients": BYTES * count, "optimizer": BYTES * count * moments}
    return {"parameters": count, **sizes}
