"""One command for a machine with a GPU, `make gpu-check`: are the kernels right there, and how fast are they?

It needs the checkout, torch, triton, numpy and what the core imports; nothing is downloaded. It prints tables, and writes all of it as
JSON and text under benchmarks/results/, with the card's name. Without a GPU it says so and ends with status 2.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
SHAPES = {
    "LocalVim-T": (8, 128, 196, 384, 16),
    "LocalVMamba-T, stage 1": (8, 128, 3136, 96, 1),
    "LocalVMamba-T, stage 3": (8, 128, 196, 384, 1),
    "search supernet": (8, 128, 196, 256, 16),
    "few long sequences": (8, 2, 3136, 384, 16),
}
"""Groups, samples, steps, channels, states."""
SMALL = ((1, 1, 1, 1, 1), (2, 3, 33, 17, 3), (1, 2, 196, 40, 16), (2, 1, 100, 70, 64))
TILES = ((16, 32), (16, 64), (32, 32), (32, 64), (64, 32), (128, 16))
"""Steps and channels of tiles that are timed beside the one that is used."""
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
ROUNDS = 10


def milliseconds(function: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median time of a call on the GPU, after two that do not count."""
    found = []
    for number in range(rounds + 2):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        function()
        end.record()
        end.synchronize()
        if number > 1:
            found.append(start.elapsed_time(end))
    return median(found)


def inputs(shape: tuple[int, ...], dtype: torch.dtype, device: str = "cuda") -> list[torch.Tensor]:
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
        t.to(device, dtype if number in (0, 1, 3, 4) else torch.float32).requires_grad_()
        for number, t in enumerate(made)
    ]


def scan(backend: str, *tensors: torch.Tensor) -> torch.Tensor:
    """The selective scan on a backend."""
    from scansearch.ops import selective_scan_grouped

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


def bandwidth() -> float:
    """GB a second of a large copy, reading and writing counted."""
    tensor = torch.empty(2**28, device="cuda")
    other = torch.empty_like(tensor)
    return 2 * tensor.numel() * 4 / milliseconds(lambda: other.copy_(tensor)) / 1e6


def scans(copied: float) -> list[dict[str, Any]]:
    """Forward, and forward and backward, of each shape on every backend that works here; beside the time of the bytes alone."""
    rows: list[dict[str, Any]] = []
    for name, shape in SHAPES.items():
        for dtype in (torch.float32, torch.bfloat16):
            for backend in backends():
                with failing(rows, {"shape": name, "dtype": str(dtype), "backend": backend}) as row:
                    tensors = inputs(shape, dtype)
                    row["forward_ms"], row["both_ms"] = timed(backend, tensors)
                    size = tensors[0].numel() * tensors[0].element_size()
                    row["bytes_ms"] = 3 * size / copied / 1e6
                    row["memory_mb"] = torch.cuda.max_memory_allocated() / 1e6
                    show(f"  {name:<24} {dtype!s:<15} {backend:<10} forward {row['forward_ms']:8.2f} ms, with backward "
                         f"{row['both_ms']:8.2f} ms; u, delta and y alone {row['bytes_ms']:.2f} ms")  # fmt: skip
    return rows


def tiles() -> list[dict[str, Any]]:
    """The scan of LocalVim-T with other tiles than the usual one."""
    from scansearch.ops.backends.triton import tiles as module

    rows: list[dict[str, Any]] = []
    usual = (module.MOST_STEPS, module.MOST_CHANNELS)
    try:
        for steps, channels in TILES:
            module.MOST_STEPS, module.MOST_CHANNELS = steps, channels
            for dtype in (torch.float32, torch.bfloat16):
                with failing(rows, {"steps": steps, "channels": channels, "dtype": str(dtype)}) as row:
                    _, row["both_ms"] = timed("triton", inputs(SHAPES["LocalVim-T"], dtype))
                    show(f"  {steps:>3} steps x {channels:>3} channels {dtype!s:<15} {row['both_ms']:8.2f} ms")
    finally:
        module.MOST_STEPS, module.MOST_CHANNELS = usual
    return rows


def supernets() -> list[dict[str, Any]]:
    """A step of the paper's search supernet, batch 64, and its memory; also with 128 directions in each of 20 layers."""
    from scansearch.models import Selection
    from scansearch.registry import MODELS, SEARCH_SPACES
    from scansearch.shape import ImageShape

    rows: list[dict[str, Any]] = []
    shape, spec = ImageShape(224, 224, channels=3, classes=1000), MODELS.get("local_vim_search")
    for space in ("default8", "wide128"):
        for backend in backends():
            if backend == "torch" and space == "wide128":
                continue
            with failing(rows, {"space": space, "backend": backend}) as row:
                candidates = [SEARCH_SPACES.get(space).candidates] * 20
                network: Any = spec.configure(scan_backend=backend).supernet(candidates, shape).cuda()
                pixels, labels = torch.randn(64, 3, 224, 224, device="cuda"), torch.randint(1000, (64,), device="cuda")

                def step() -> None:
                    with torch.autocast("cuda", torch.bfloat16):
                        alphas = network.architecture_parameters()  # noqa: B023 - called at once
                        chosen = [Selection(tuple(range(len(a))), a.flatten().softmax(0)) for a in alphas]
                        loss = torch.nn.functional.cross_entropy(network(pixels, chosen), labels)  # noqa: B023
                    loss.backward()

                row["step_ms"] = milliseconds(step, 3)
                row["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
                show(f"  {space:<9} {backend:<10} {row['step_ms']:9.1f} ms a step, peak {row['memory_gb']:.2f} GB")
    return rows


def search() -> list[dict[str, Any]]:
    """A short search and its derived network, on the GPU, by the same code as ever."""
    import scansearch

    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder, failing(rows, {"what": "search on digits"}) as row:
        genotype = scansearch.search(
            Path(folder) / "run", data="digits", model="local_vim_nano", epochs=2, accelerator="cuda"
        )
        network = scansearch.build("local_vim_nano", genotype=genotype, num_classes=10, image_size=8, in_channels=1)
        images = torch.rand(5, 1, 8, 8)
        with torch.no_grad():
            apart = (network.cuda()(images.cuda()).cpu() - network.cpu()(images)).abs().max()
        row.update(backend=genotype.search.get("backend"), logits_apart=float(apart))
        show(f"  done; logits of the derived network on the GPU and the CPU differ by {float(apart):.1e}")
    return rows


def backends() -> list[str]:
    """Those that work on this GPU, but for the plain loops."""
    from scansearch.ops.backends import backend_report

    return [b.name for b in backend_report("cuda") if b.available and b.name not in ("reference", "cpu")]


@contextmanager
def failing(rows: list[dict[str, Any]], row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row of a table, which says why it could not be measured, if so."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    rows.append(row)
    try:
        yield row
    except Exception as error:  # out of memory, a compiler's, anything: the other rows are wanted
        row["failed"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        show(f"  {row}")


_TEXT: list[str] = []


def show(line: str) -> None:
    """Prints a line, and keeps it for the text file."""
    _TEXT.append(line)
    print(line, flush=True)


def main() -> int:
    """Runs everything; 1 if a kernel is wrong."""
    parser = argparse.ArgumentParser(prog="make gpu-check", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the tables go")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no CUDA GPU here", file=sys.stderr)
        return 2
    from scansearch.ops.backends import backend_report

    card = torch.cuda.get_device_name()
    show(f"{card}, {torch.cuda.get_device_properties(0).total_memory / 2**30:.0f} GiB; torch {torch.__version__}")
    status = [vars(b) for b in backend_report("cuda")]
    for row in status:
        show(
            f"  {row['name']:<10} {'chosen' if row['chosen'] else 'works' if row['available'] else 'no':<7} {row['reason']}"
        )
    found: dict[str, Any] = {"card": card, "torch": torch.__version__, "backends": status}
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "correctness": check, "search": search, "supernet_step": supernets, "scan": lambda: scans(found["copy_gb_s"]), "tiles": tiles,
    }  # fmt: skip
    found["copy_gb_s"] = bandwidth()
    show(f"copy: {found['copy_gb_s']:,.0f} GB/s")
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / f"gpu-{'-'.join(card.lower().split())}"
    for name, measure in parts.items():
        show(name)
        found[name] = measure()
        stem.with_suffix(".json").write_text(json.dumps(found, indent=1, default=str) + "\n")
        stem.with_suffix(".txt").write_text("\n".join(_TEXT) + "\n")
    wrong = [row for row in found["correctness"] if not row["right"] or math.isnan(row["error"])]
    show(f"{len(wrong)} of {len(found['correctness'])} checks failed" if wrong else "all kernels are right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
