"""What a search would do, known before it does anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scansearch.machine.launched import launched
from scansearch.machine.numerics import run_numerics
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import RunFolder
from scansearch.searching.assemble import Parts, assemble, make_loop, notes_of, space_facts
from scansearch.searching.loop import SearchLoop
from scansearch.training.batches import check_shares
from scansearch.training.events import Listener, Silent
from scansearch.training.join import join

BYTES = 4  # of a float32 number
MOMENTS = {"adamw": 2, "sgd": 1}
"""Numbers that an optimiser keeps of every parameter."""


def dry_run(config: RunConfig, listener: Listener | None = None) -> dict[str, Any]:
    """All settings of a search, and how much it would be. The images are read; nothing is written, and no study is opened.

    Args:
        config: The run's settings.
        listener: Told about progress.

    Returns:
        JSON data; ``seconds`` is ``None``, for it is not known.

    Raises:
        ScansearchError: For everything that would keep the search from starting.
    """
    listener = listener or Silent()
    check_shares(config.train.batch_size, config.machine.devices)
    with run_numerics():
        own = config.alone()
        machine, fabric = join(own.machine.model_copy(update={} if launched() else {"devices": 1}))
        own = own.model_copy(update={"machine": machine})
        parts = assemble(own, fabric, listener)
        loop = make_loop(parts, own, RunFolder(Path()), listener)
        return {
            "settings": config.model_dump(mode="json", exclude_none=True),
            "images": _images(parts),
            "space": space_facts(parts.bound),
            "work": _work(loop),
            "memory": _memory(loop, config),
            "seconds": None,
            "notes": notes_of(parts, own),
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
