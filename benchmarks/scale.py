"""How a step grows: with directions, tokens, batch, layers, and with processes that share a batch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence

import torch

from benchmarks import memory, strategies
from benchmarks.growth import Growth
from benchmarks.looped import LoopedMixer
from benchmarks.peers import time_major
from benchmarks.supernet_step import SHAPE, step
from benchmarks.timing import interleaved
from scansearch.machine.memory import keep_freed_memory
from scansearch.models import Selection
from scansearch.models.mixer import ScanMixer
from scansearch.models.mixer_options import MixerOptions
from scansearch.registry import MODELS, SEARCH_SPACES

WIDTH = 32
OURS, LOOP = "ours", "loop"
LAYER: dict[str, int] = {"directions": 8, "side": 8, "batch": 64}
"""A layer of the default supernet, unless an axis says otherwise."""
SIDES: dict[int, int] = {49: 7, 196: 14, 784: 28, 3136: 56}
AXES: dict[str, Sequence[int]] = {
    "directions": (1, 2, 4, 8, 16, 32, 64, 128),
    "tokens": tuple(SIDES),
    "batch": (8, 16, 32, 64, 128, 256),
    "layers": (1, 2, 4, 8, 16, 32),
}
LOOPED_UP_TO = {"directions": 32, "tokens": 784}
"""Largest sizes at which the loop is measured, too: it takes its time."""
TOKENS_BATCH, TINY_BATCH = 8, 2
ROUNDS = 3
PROCESSES = (1, 2)


def layer_sizes(axis: str, size: int, *, tiny: bool = False) -> dict[str, int]:
    """Directions, side of the grid and batch of a layer at one point of an axis."""
    own = {"side": SIDES[size], "batch": TOKENS_BATCH} if axis == "tokens" else {axis: size}
    return {**LAYER, **own, **({"batch": size if axis == "batch" else TINY_BATCH} if tiny else {})}


def layer_step(name: str, directions: int, side: int, batch: int) -> Callable[[], object]:
    """Forward and backward of one layer, all directions weighted."""
    torch.manual_seed(0)
    names = SEARCH_SPACES.get("wide128").candidates[:directions]
    options = MixerOptions(embed_dim=WIDTH, depth=6, attention="channel_spatial")
    mixer = ScanMixer(options, names, (side, side), searchable=True)
    network = mixer if name == OURS else LoopedMixer(mixer, names, (side, side), time_major)
    hidden = torch.randn(batch, side * side, WIDTH, requires_grad=True)

    def run_once() -> torch.Tensor:
        network.zero_grad(set_to_none=True)
        weights = network.alpha.flatten().softmax(0)
        result: torch.Tensor = network(hidden, Selection(tuple(range(directions)), weights))
        result.square().mean().backward()
        return result

    return run_once


def supernet_step(layers: int, batch: int) -> Callable[[], object]:
    """Forward and backward of a supernet of default8 of so many layers."""
    torch.manual_seed(0)
    spec = MODELS.get("local_vim_micro").configure(depth=layers)
    candidates = [SEARCH_SPACES.get("default8").candidates] * layers
    return step(spec.supernet(candidates, SHAPE), batch)


def point(axis: str, name: str, size: int, *, tiny: bool = False) -> Callable[[], object]:
    """What is measured at one point of an axis."""
    if axis == "layers":
        return supernet_step(size, TINY_BATCH if tiny else LAYER["batch"])
    return layer_step(name, **layer_sizes(axis, size, tiny=tiny))


def peak(axis: str, name: str, size: int, *, tiny: bool = False) -> float:
    """Peak memory there, in MB beyond that of a tiny step; in this process."""
    small = {"directions": 1, "side": 4, "batch": 1}
    warm_up = supernet_step(1, 1) if axis == "layers" else layer_step(name, **small)
    return memory.measure(warm_up, point(axis, name, size, tiny=tiny))


def measured(axis: str, sizes: Sequence[int], repeats: int, *, tiny: bool) -> Growth:
    """One axis; the memory of each point in a process of its own."""
    names = {OURS: sizes, **({LOOP: [n for n in sizes if n <= LOOPED_UP_TO[axis]]} if axis in LOOPED_UP_TO else {})}
    samples: dict[str, Mapping[int, Sequence[float]]] = {}
    for name, own in names.items():
        found = interleaved({str(size): point(axis, name, size, tiny=tiny) for size in own}, repeats)
        samples[name] = {int(size): values for size, values in found.items()}
    peaks = {
        name: {size: peak(axis, name, size, tiny=True) if tiny else _peak_apart(axis, name, size) for size in own}
        for name, own in names.items()
    }
    return Growth(axis, f"scale {axis}: {_title(axis)}", samples, peaks)


def processes(counts: Sequence[int], *, tiny: bool) -> Growth:
    """Updates of a search whose batch so many processes of one thread each share."""
    found = {count: _updates(count, tiny) for count in counts}
    batch = _batch(tiny)
    title = f"scale processes: one update of darts on the default supernet, batch {batch} shared by processes of one thread each"
    return Growth("processes", title, {OURS: found}, {}, at_most=None)


def run(repeats: int, *, tiny: bool = False) -> list[Growth]:
    """All axes. As in a search, freed memory is kept."""
    keep_freed_memory()
    rounds = min(repeats, ROUNDS)
    found = [measured(axis, sizes[:2] if tiny else sizes, rounds, tiny=tiny) for axis, sizes in AXES.items()]
    return [*found, processes(PROCESSES[:1] if tiny else PROCESSES, tiny=tiny)]


def _title(axis: str) -> str:
    if axis == "layers":
        return f"supernet step, forward + backward, d_model {WIDTH}, 8 directions, batch {LAYER['batch']}, 8 x 8 tokens"
    parts = [
        "" if axis == "directions" else f"{LAYER['directions']} directions",
        "" if axis == "batch" else f"batch {TOKENS_BATCH if axis == 'tokens' else LAYER['batch']}",
        "" if axis == "tokens" else "8 x 8 tokens",
    ]
    return f"one layer, forward + backward, d_model {WIDTH}, " + ", ".join(filter(None, parts))


def _batch(tiny: bool) -> int:
    return TINY_BATCH if tiny else strategies.BATCH


def _peak_apart(axis: str, name: str, size: int) -> float:
    module = ["benchmarks.scale", "peak", axis, name, str(size)]
    found: float = memory.in_fresh_process(module, f"the memory of scale {axis} {name} {size}")
    return found


def _updates(count: int, tiny: bool) -> list[float]:
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    flags = ["--tiny"] if tiny else []
    module = [*launcher, "-m", "benchmarks.scale", "updates", *flags]
    found: list[float] = memory.in_fresh_process(module, f"updates of {count} processes")
    return found


def main(arguments: list[str]) -> None:
    """One measurement in a process of its own: ``peak AXIS NAME SIZE`` in MB, or ``updates`` in milliseconds, as JSON."""
    torch.set_flush_denormal(True)
    keep_freed_memory()
    what, *rest = arguments
    if what == "peak":
        axis, name, size = rest
        sys.stdout.write(json.dumps(peak(axis, name, int(size))))
        return
    tiny = "--tiny" in rest
    count = int(os.environ.get("WORLD_SIZE", "1"))
    found = strategies.updates("darts", _batch(tiny), tiny=tiny, devices=count, threads=count)
    if os.environ.get("RANK", "0") == "0":
        sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
