"""The tables of `make gpu-check` that are of kernels alone: are they right, how fast are they, and would other tiles be faster?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from benchmarks.gpu_timing import DEVICE, backends, failing, milliseconds, show

SHAPES = {
    "LocalVim-T": (8, 128, 196, 384, 16),
    "LocalVMamba-T, stage 1": (8, 128, 3136, 96, 1),
    "LocalVMamba-T, stage 2": (8, 128, 784, 192, 1),
    "LocalVMamba-T, stage 3": (8, 128, 196, 384, 1),
    "LocalVMamba-T, stage 4": (8, 128, 49, 768, 1),
    "search supernet": (8, 128, 196, 256, 16),
    "few long sequences": (8, 2, 3136, 384, 16),
}
"""Groups, samples, steps, channels, states."""
SMALL = ((1, 1, 1, 1, 1), (2, 3, 33, 17, 3), (1, 2, 196, 40, 16), (2, 1, 100, 70, 64), (1, 2, 700, 40, 4))
TILES = (
    (16, 32, 32), (16, 32, 16), (16, 64, 32), (32, 16, 16), (32, 32, 32), (32, 32, 16), (32, 32, 8), (32, 64, 32), (32, 64, 16),
    (64, 32, 32), (64, 32, 8), (128, 16, 16),
)  # fmt: skip
"""Steps and channels of tiles, and channels of a warp, that are timed beside the ones that are used."""
LONG = tuple((8, batch, length, 384, 16) for length in (196, 784, 3136, 12544) for batch in (1, 4, 16))
"""Shapes of scans that run in one level and in two."""
IN_A_LOOP, LOOPED = " in a loop", ("mamba_ssm",)
"""Backends that are also called once for each group, as published code does."""
READ = 48
"""Rows of the map with which SCAttn reads LocalVim-T's branches: an eighth of their channels."""
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}


def inputs(shape: tuple[int, ...], dtype: torch.dtype) -> list[torch.Tensor]:
    """u, delta, A, B, C, D and the bias as in a young network."""
    torch.manual_seed(0)
    groups, batch, length, width, states = shape
    made = [
        torch.randn(groups, batch, length, width), torch.randn(groups, batch, length, width),
        -torch.arange(1.0, states + 1) * torch.exp(0.1 * torch.randn(groups, width, states)),
        torch.randn(groups, batch, length, states), torch.randn(groups, batch, length, states),
        torch.randn(groups, width), -4 + 0.5 * torch.randn(groups, width),
    ]  # fmt: skip
    return [
        t.to(DEVICE, dtype if number in (0, 1, 3, 4) else torch.float32).requires_grad_()
        for number, t in enumerate(made)
    ]


def scan(backend: str, *tensors: torch.Tensor) -> torch.Tensor:
    """The selective scan on a backend, of all groups at once, or of one after the other."""
    from scansearch.ops import selective_scan_grouped

    if (name := backend.removesuffix(IN_A_LOOP)) != backend:
        return torch.cat([scan(name, *(t[group : group + 1] for t in tensors)) for group in range(len(tensors[0]))])
    u, delta, A, B, C, D, bias = tensors
    return selective_scan_grouped(u, delta, A, B, C, D, delta_bias=bias, backend=backend)


def timed(backend: str, tensors: list[torch.Tensor]) -> tuple[float, float]:
    """Milliseconds of the scan forward, and forward and backward."""
    grad = torch.randn_like(tensors[0])
    with torch.no_grad():
        forward = milliseconds(lambda: scan(backend, *tensors))
    return forward, milliseconds(lambda: torch.autograd.grad(scan(backend, *tensors), tensors, grad))


def check() -> list[dict[str, Any]]:
    """Largest error of the scan against float64 on the CPU, by shape and type."""
    from scansearch.ops.backends.triton.self_check import outcome

    rows = []
    for shape in SMALL:
        for dtype, allowed in TOLERANCE.items():
            tensors = inputs(shape, dtype)
            wanted = outcome(partial(scan, "reference"), [t.detach().cpu().double() for t in tensors])
            found = outcome(partial(scan, "triton"), tensors)
            error = max(
                float((a.cpu().double() - b).abs().max() / b.abs().max().clamp(min=0.1))
                for a, b in zip(found, wanted, strict=True)
            )
            rows.append({"shape": shape, "dtype": str(dtype), "error": error, "right": error < allowed})
            show(f"  {shape!s:<24} {dtype!s:<15} error {error:.1e}  {'right' if error < allowed else 'WRONG'}")
    return rows


def scans(copied: float) -> list[dict[str, Any]]:
    """Forward, and forward and backward, of each shape on every backend that works here; beside the time of the bytes alone."""
    rows: list[dict[str, Any]] = []
    ways = [*backends(), *(f"{name}{IN_A_LOOP}" for name in backends() if name in LOOPED)]
    for name, shape in SHAPES.items():
        for dtype in (torch.float32, torch.bfloat16):
            for backend in ways:
                with failing(rows, {"shape": name, "dtype": str(dtype), "backend": backend}) as row:
                    tensors = inputs(shape, dtype)
                    row["forward_ms"], row["both_ms"] = timed(backend, tensors)
                    size = tensors[0].numel() * tensors[0].element_size()
                    row["bytes_ms"] = 3 * size / copied / 1e6
                    row["memory_mb"] = torch.cuda.max_memory_allocated() / 1e6
                    show(f"  {name:<24} {dtype!s:<15} {backend:<19} forward {row['forward_ms']:8.2f} ms, with backward "
                         f"{row['both_ms']:8.2f} ms; u, delta and y alone {row['bytes_ms']:.2f} ms")  # fmt: skip
    return rows


@contextmanager
def tiled(**numbers: int) -> Iterator[None]:
    """Within it, the numbers in ``scansearch.ops.backends.triton.tiles`` by which kernels choose tiles and chunks are others."""
    from scansearch.ops.backends.triton import tiles as module

    usual = {name: getattr(module, name) for name in numbers}
    try:
        vars(module).update(numbers)
        yield
    finally:
        vars(module).update(usual)


def tiles() -> list[dict[str, Any]]:
    """The scan of LocalVim-T with other tiles than the usual one."""
    rows: list[dict[str, Any]] = []
    for steps, channels, lane in TILES:
        for dtype in (torch.float32, torch.bfloat16):
            with failing(rows, {"steps": steps, "channels": channels, "a_warp": lane, "dtype": str(dtype)}) as row:
                with tiled(MOST_STEPS=steps, MOST_CHANNELS=channels, CHANNELS_A_WARP=lane):
                    row["forward_ms"], row["both_ms"] = timed("triton", inputs(SHAPES["LocalVim-T"], dtype))
                show(f"  {steps:>3} steps x {channels:>3} channels, {lane:>2} a warp {dtype!s:<15} forward "
                     f"{row['forward_ms']:8.2f} ms, with backward {row['both_ms']:8.2f} ms")  # fmt: skip
    return rows


def levels() -> list[dict[str, Any]]:
    """Long scans tile by tile, and in chunks with what comes into each: which is faster, and which the rule takes."""
    from scansearch.ops.backends.triton.tiles import Tile

    rows: list[dict[str, Any]] = []
    for shape in LONG:
        groups, batch, length, width, _ = shape
        tile = Tile.of(length, width)
        chosen = 2 if tile.span(length, groups * batch * tile.blocks(width)) < tile.count(length) else 1
        for number, long in ((1, length + 1), (2, 1)):
            with failing(rows, {"shape": shape, "levels": number, "chosen": number == chosen}) as row:
                with tiled(LONG=long):
                    row["forward_ms"], row["both_ms"] = timed("triton", inputs(shape, torch.float32))
                show(f"  {shape!s:<24} {number} level{'s' * (number > 1):<1} {'chosen' if number == chosen else '':<6} forward "
                     f"{row['forward_ms']:8.2f} ms, with backward {row['both_ms']:8.2f} ms")  # fmt: skip
    return rows


def passes() -> list[dict[str, Any]]:
    """What SCAttn reads off LocalVim-T's branches, the weights that it gives, and the mixture, beside plain torch."""
    from scansearch.ops import mixture, norm_reduce, weigh, weighed_mixture

    groups, batch, length, width, _ = SHAPES["LocalVim-T"]
    sizes: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
        "norm_reduce": (lambda *t, backend: norm_reduce(*t, backend=backend)[1:], [(READ, width)]),
        "weigh": (weigh, [(groups, batch, width), (groups, batch, length)]),
        "mixture": (mixture, [(groups,)]),
        "weighed_mixture": (weighed_mixture, [(groups, batch, width), (groups, batch, length), (groups,)]),
    }
    rows: list[dict[str, Any]] = []
    for name, (operation, others) in sizes.items():
        for backend in ("triton", "torch"):
            with failing(rows, {"operation": name, "backend": backend}) as row:
                row["both_ms"] = _timed_pass(
                    partial(operation, backend=backend), [(groups, batch, length, width), *others]
                )
                show(f"  {name:<15} {backend:<10} forward and backward {row['both_ms']:8.2f} ms")
    return rows


def _timed_pass(operation: Callable[..., Any], shapes: list[tuple[int, ...]]) -> float:
    tensors = [torch.randn(shape, device=DEVICE, requires_grad=True) for shape in shapes]
    results = operation(*tensors)
    results = results if isinstance(results, tuple) else (results,)
    incoming = [torch.randn_like(result) for result in results]
    del results

    def step() -> None:
        found = operation(*tensors)
        torch.autograd.grad(found if isinstance(found, tuple) else (found,), tensors, incoming)

    return milliseconds(step)
