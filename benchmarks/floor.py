"""What the machine allows: exponentials, arithmetic, bytes and matrix products of a step, at rates measured here, beside its time.

One thread. A floor counts what the mathematics asks for, each piece at the rate of a loop that does nothing else: exponentials and
multiply-adds in registers, a matrix product of the same sizes, a copy of a tensor of the same size. Whatever a step takes beyond that is
what there is left to win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

import torch
from rich.table import Table
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import scan, supernet_step
from benchmarks.comparison import plain_table
from benchmarks.floor_kernels import exponentials, multiply_add
from benchmarks.timing import interleaved
from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.lanes import LANES
from scansearch.ops.backends.cpu.panel import Sizes
from scansearch.ops.backends.cpu.simd import STATES
from scansearch.registry import MODELS

FORWARD_OPERATIONS, BACKWARD_OPERATIONS = 4, 13
"""Multiplications and additions, fused where they can be, for each step, channel and state, beside an exponential each.

Forward: the exponent, delta u B, the state, and C h. Backward: the first three once more, as states are not kept; then the gradient of
the state, the terms of dB and dC and their sums over channels, of du and ddelta over states, the decayed gradient, its product with the
state, and dA.
"""
SCAN_PASSES = 8
"""Tensors of the size of u that a scan must read or write: u, delta and y; then u, delta, dy, du and ddelta."""
STEP_PASSES = 24
"""The same for all directions of a layer of a supernet: eight of the scan; four of the convolution (x in the order of the scan, its
gradient, twice); six of the gate (y, the gate, the result; forward and backward); six of attention and mixture (likewise)."""
PRODUCTS = {torch.ops.aten.mm, torch.ops.aten.bmm, torch.ops.aten.addmm, torch.ops.aten.baddbmm}


def _rate(kernel: Kernel, each: int) -> float:
    """Floats a second, of a kernel that does ``each`` a round."""
    numbers = torch.tensor([-1.0, 0.5, -1e-6]).repeat_interleave(STATES * LANES)[None, None, None]
    rounds, found = 100_000, []
    sizes = Sizes(1, 1, rounds, rounds, LANES, STATES, 1, 1, 0)
    for number in range(6):
        start = perf_counter()
        kernel(1, sizes, numbers)
        taken = perf_counter() - start
        if number:
            found.append(each * rounds / taken)
    return median(found)


def arithmetic_rate() -> float:
    """Multiply-adds of floats a second."""
    return _rate(multiply_add, 4 * STATES * LANES)


def exponential_rate(arithmetic: float) -> float:
    """Exponentials of floats a second; the two additions of the loop are taken off."""
    with_additions = _rate(exponentials, STATES * LANES)
    return 1 / (1 / with_additions - 2 / arithmetic)


def copy_rate(size: int) -> float:
    """Bytes read or written a second while tensors of ``size`` bytes are copied."""
    source = torch.ones(size // 4)
    target = torch.empty_like(source)
    times = interleaved({"copy": lambda: target.copy_(source)}, 20)["copy"]
    return 2 * size / (1e-3 * median(times))


def product_seconds(step: Callable[[], object]) -> float:
    """How long the matrix products of a step take by themselves: each size that occurs, timed on its own."""
    seen = Counter[tuple[Any, tuple[Any, ...]]]()

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.overloadpacket in PRODUCTS:
                seen[func, tuple((tuple(t.shape), t.stride()) for t in args)] += 1
            return func(*args, **(kwargs or {}))

    with Products():
        step()
    total = 0.0
    with torch.no_grad():
        for (func, sizes), times in seen.items():
            tensors = [torch.empty_strided(*size).normal_() for size in sizes]
            total += times * min(interleaved({"product": lambda: func(*tensors)}, 3)["product"])  # noqa: B023 - called at once
    return 1e-3 * total


def spent(step: Callable[[], object], times: int = 3) -> dict[str, float]:
    """Milliseconds of a step by what it does, as torch's profiler tells on the threads that there are."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(times):
            step()
    products = {f"aten::{product.__name__}" for product in PRODUCTS}
    parts = dict.fromkeys(("its scans", "its matrix products", "its other kernels", "the rest of it"), 0.0)
    scans, multiplied, kernels, rest = parts
    for event in found.key_averages():
        part = multiplied if event.key in products else rest
        if event.key.startswith("scansearch::"):
            part = scans if event.key.removesuffix("_backward").endswith("_scan") else kernels
        parts[part] += event.self_cpu_time_total / (1e3 * times)
    return parts


@dataclass(frozen=True)
class Floor:
    """A floor in pieces, and what was measured.

    Args:
        case: What was measured, in a word.
        title: The line above the table.
        pieces: Milliseconds that each piece takes by itself.
        measured: Milliseconds of ours, on one thread.
        together: The same on all threads, and how many these are.
        parts: Milliseconds of ours on one thread, by what it does.
    """

    case: str
    title: str
    pieces: dict[str, float]
    measured: list[float]
    together: tuple[int, list[float]]
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Milliseconds of all pieces, one after the other."""
        return sum(self.pieces.values())

    def table(self) -> Table:
        """The pieces, their sum, and ours."""
        made = plain_table(["", "ms", "of ours"])
        ours = median(self.measured)
        threads, faster = self.together
        for name, value in {**self.pieces, "floor": self.total, "ours, one thread": ours}.items():
            made.add_row(name, f"{value:,.1f}", f"{value / ours:.0%}")
        for name, value in self.parts.items():
            made.add_row(name, f"{value:,.1f}", f"{value / sum(self.parts.values()):.0%}")
        if threads > 1:
            made.add_row(f"ours, {threads} threads", f"{median(faster):,.1f}", f"{median(faster) / ours:.0%}")
        return made

    def missed(self) -> list[str]:
        """Nothing is promised: the table is an account."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """The account as JSON data, with every sample."""
        threads, faster = self.together
        own = {
            "pieces": self.pieces,
            "floor": self.total,
            "samples": self.measured,
            "threads": threads,
            "together": faster,
            "parts": dict(self.parts),
        }
        return {"benchmark": "floor", "case": self.case, "title": self.title, **own, "missed": self.missed()}


@dataclass(frozen=True)
class Rates:
    """Floats a second."""

    arithmetic: float
    exponentials: float

    def scan(self, shape: scan.Shape) -> dict[str, float]:
        """Milliseconds of the exponentials and of the arithmetic of a scan, forward and backward."""
        groups, batch, length, channels, states = shape
        each = 1e3 * groups * batch * length * channels * states
        operations = FORWARD_OPERATIONS + BACKWARD_OPERATIONS
        return {
            "exponentials": 2 * each / self.exponentials,
            "other arithmetic of the scan": operations * each / self.arithmetic,
        }


def run(repeats: int, *, tiny: bool = False) -> list[Floor]:
    """The accounts of one scan and of one step of the default supernet."""
    arithmetic = arithmetic_rate()
    rates = Rates(arithmetic, exponential_rate(arithmetic))
    return [_scan(rates, repeats, tiny), _step(rates, repeats, tiny)]


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch computes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _timed(function: Callable[[], object], repeats: int) -> tuple[list[float], tuple[int, list[float]]]:
    threads = torch.get_num_threads()
    together = interleaved({"ours": function}, repeats)["ours"] if threads > 1 else []
    with one_thread():
        return interleaved({"ours": function}, repeats)["ours"], (threads, together)


def _moved(shape: scan.Shape, passes: int) -> float:
    """Milliseconds in which so many tensors of u's size are read or written, on one thread."""
    size = 4 * shape.groups * shape.batch * shape.length * shape.channels
    with one_thread():
        return 1e3 * passes * size / copy_rate(size)


def _scan(rates: Rates, repeats: int, tiny: bool) -> Floor:
    shape = scan.TINY["tiny"] if tiny else scan.SHAPES["c"]
    pieces = {**rates.scan(shape), "reading and writing": _moved(shape, SCAN_PASSES)}
    measured, together = _timed(scan.forward_backward(scan.contestants()["cpu"], shape), repeats)
    return Floor("scan", f"floor: selective scan, forward + backward, {shape}", pieces, measured, together)


def _step(rates: Rates, repeats: int, tiny: bool) -> Floor:
    model, batch = ("nano", 2) if tiny else ("micro", supernet_step.BATCH)
    spec: Any = MODELS.get(f"local_vim_{model}")
    options, layers = spec.options, spec.layers(supernet_step.SHAPE)
    tokens = layers[0].grid[0] * layers[0].grid[1]
    shape = scan.Shape(8, batch, tokens, options.expand * options.embed_dim, options.d_state)
    step = supernet_step.step(supernet_step.supernet(model), batch)
    step()  # compiles
    pieces = {name: len(layers) * value for name, value in rates.scan(shape).items()}
    with one_thread():
        pieces["matrix products"] = 1e3 * product_seconds(step)
    pieces["reading and writing"] = len(layers) * _moved(shape, STEP_PASSES)
    measured, together = _timed(step, repeats)
    with one_thread():
        parts = spent(step)
    title = f"floor: supernet step, forward + backward, {len(layers)} layers, each {shape}"
    return Floor("step", title, pieces, measured, together, parts)
