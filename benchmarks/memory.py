"""Peak memory of scans, steps and layers, each in a process of its own: python -m benchmarks.memory BENCHMARK NAME."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import many_directions, scan, strategies, supernet_step
from benchmarks.comparison import Comparison
from benchmarks.peers import PEERS, absent_peers
from scansearch.errors import ScansearchError

ROOT = Path(__file__).parents[1]
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGABYTE = 1e6
PAGE = 4096 / MEGABYTE
"""The least that can be told: memory is counted in pages."""


def run(*, tiny: bool = False) -> list[Comparison]:
    """Comparisons in MB: what one forward and backward pass needs beyond the inputs, the network and the libraries.

    Of the strategies it is what a short search needs beyond the libraries. Tiny ones are all measured in this process.
    """
    absent = absent_peers()
    scans = [name for name in ("cpu", *PEERS) if name not in absent]
    loops = [name for name in supernet_step.LOOPED_SCANS if name not in absent]
    found = {name: [_peak("scan", name, tiny)] for name in scans}
    steps = ["ours", *(f"looped {name}" for name in loops)]
    whole = {name: [_peak("step", name, tiny)] for name in steps}
    case = "tiny" if tiny else "full"
    absent_loops = {f"looped {name}": reason for name, reason in absent.items() if name in supernet_step.LOOPED_SCANS}
    return [
        *_many(tiny),
        _strategies(tiny),
        Comparison("memory", f"scan {case}", f"memory: scan {_shape(tiny)}", "MB", found, absent),
        Comparison("memory", f"step {case}", f"memory: supernet step {_model(tiny)}", "MB", whole, absent_loops),
    ]


def _many(tiny: bool) -> list[Comparison]:
    found, batch = [], 2 if tiny else many_directions.BATCH
    for count in many_directions.COUNTS[:1] if tiny else many_directions.COUNTS:
        samples = {name: [_peak(f"many {count}", name, tiny)] for name in many_directions.NAMES}
        title = f"memory: {many_directions.title(count, batch)}"
        found.append(Comparison("memory", f"many {count}", title, "MB", samples, {}))
    return found


def _strategies(tiny: bool) -> Comparison:
    batch = 2 if tiny else supernet_step.BATCH
    cases = strategies.CASES[:2] if tiny else strategies.CASES
    samples = {case: [_peak("strategies", case, tiny)] for case in cases}
    return Comparison("memory", "strategies", f"memory: {strategies.title(batch)}", "MB", samples, {})


def _shape(tiny: bool) -> scan.Shape:
    return scan.TINY["tiny"] if tiny else scan.SHAPES["c"]


def _model(tiny: bool) -> str:
    return "nano" if tiny else "micro"


def _peak(benchmark: str, name: str, tiny: bool) -> float:
    return _measured(benchmark, name, tiny=True) if tiny else _in_fresh_process(benchmark, name)


def _in_fresh_process(benchmark: str, name: str) -> float:
    peak: float = in_fresh_process(["benchmarks.memory", benchmark, name], f"the memory of {benchmark} {name}")
    return peak


def in_fresh_process(module: Sequence[str], what: str) -> Any:
    """The JSON that a module prints in a process of its own.

    Args:
        module: Its name and arguments.
        what: What it measures, for messages.

    Raises:
        ScansearchError: If it fails.
    """
    done = subprocess.run([sys.executable, "-m", *module], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ScansearchError(f"measuring {what} failed with status {done.returncode}: {last}")
    return json.loads(done.stdout)


def measure(warm_up: Callable[[], object], function: Callable[[], object]) -> float:
    """Growth of the resident memory at its peak while ``function`` runs, in MB.

    Args:
        warm_up: Called first: a small call that compiles kernels and starts threads, which must not count.
        function: What to measure.
    """
    warm_up()
    # Linux forgets the peak of the warm-up when asked to; elsewhere that peak, which is small, stays the base line.
    with suppress(OSError):
        CLEAR.write_text("5")
    before = peak_memory()
    function()
    return max(peak_memory() - before, PAGE)


def peak_memory() -> float:
    """Largest resident memory of this process so far, in MB.

    ``ru_maxrss`` alone misleads on Linux: a new process starts with the peak of the one that launched it.
    """
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MEGABYTE
    return _largest(resource.RUSAGE_SELF)


def peak_of_children() -> float:
    """Largest resident memory that a process had which this one started and waited for, in MB."""
    return _largest(resource.RUSAGE_CHILDREN)


def _largest(who: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit / MEGABYTE


def _measure_scan(name: str, tiny: bool) -> float:
    chosen = scan.contestants()[name]
    return measure(scan.forward_backward(chosen, scan.TINY["tiny"]), scan.forward_backward(chosen, _shape(tiny)))


def _measure_step(name: str, tiny: bool) -> float:
    network = supernet_step.contestants(_model(tiny))[name]
    batch = 2 if tiny else supernet_step.BATCH
    return measure(supernet_step.step(network, 1), supernet_step.step(network, batch))


def _measure_many(count: int, name: str, tiny: bool) -> float:
    batch = 2 if tiny else many_directions.BATCH
    return measure(many_directions.step(name, count, 1), many_directions.step(name, count, batch))


def _measure_strategy(case: str, tiny: bool) -> float:
    search = partial(strategies.updates, case, tiny=tiny)
    return measure(partial(search, batch=2), partial(search, batch=2 if tiny else supernet_step.BATCH))


def _measured(benchmark: str, name: str, *, tiny: bool) -> float:
    kind, _, count = benchmark.partition(" ")
    measured: dict[str, Callable[[str, bool], float]] = {
        "scan": _measure_scan,
        "step": _measure_step,
        "many": partial(_measure_many, int(count or 0)),
        "strategies": _measure_strategy,
    }
    return measured[kind](name, tiny)


def main(arguments: list[str]) -> None:
    """Prints the memory of one contestant in MB, as JSON."""
    torch.set_flush_denormal(True)
    benchmark, name, *flags = arguments
    sys.stdout.write(json.dumps(_measured(benchmark, name, tiny="--tiny" in flags)))


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # threads of a peer (JAX) may abort while Python ends
