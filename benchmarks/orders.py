"""Index tables of scan orders, and what it costs to read tokens through them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

from benchmarks.comparison import Comparison
from benchmarks.timing import interleaved, milliseconds
from scansearch.models.order_tables import order_tables
from scansearch.ops import reorder_conv_silu
from scansearch.registry import SEARCH_SPACES
from scansearch.scans import distinct, variants

ROOT = Path(__file__).parents[1]
GRID, TINY_GRID = (56, 56), (6, 6)
COUNT, CHANNELS, TAPS = 512, 64, 4
BASES = ("h", "snake", "diagonal", "hilbert", "morton", "peano", "spiral", "antidiagonal_zigzag", "diagonal_wrap")
READERS = ("indexed in the kernel", "index_select, conv1d, silu")


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """Milliseconds of building tables, and of reading tokens in eight orders."""
    grid = TINY_GRID if tiny else GRID
    fresh = [_in_fresh_process(tiny) for _ in range(repeats)]
    tables = {name: [sample[name] for sample in fresh] for name in fresh[0]}
    readers = {name: reader(name, grid, 1 if tiny else 8) for name in READERS}
    size = f"{grid[0]} x {grid[1]} tokens"
    return [
        Comparison("orders", "tables", f"orders tables: in a fresh process, {size}", "ms", tables, {}),
        Comparison(
            "orders",
            "read",
            f"orders read: reorder, conv1d and SiLU, forward + backward, 8 directions, {CHANNELS} channels, {size}",
            "ms",
            interleaved(readers, repeats),
            {},
        ),
    ]


def reader(name: str, grid: tuple[int, int], batch: int) -> Callable[[], object]:
    """A function that brings tokens into the eight orders of default8, convolves them, and goes back."""
    directions, generator = SEARCH_SPACES.get("default8").candidates, torch.Generator().manual_seed(0)
    order, _ = order_tables(directions, grid)
    groups, tokens = order.shape
    x = torch.randn(batch, tokens, CHANNELS, generator=generator).requires_grad_()
    weight = torch.randn(groups, CHANNELS, TAPS, generator=generator).requires_grad_()
    bias = torch.zeros(groups, CHANNELS).requires_grad_()
    forward = _indexed if name == READERS[0] else _copied

    def run_once() -> object:
        return torch.autograd.grad(forward(x, order, weight, bias).sum(), (x, weight, bias))

    return run_once


def _indexed(x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return reorder_conv_silu(x, order, weight, bias, backend="cpu")


def _copied(x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    (batch, tokens, channels), groups = x.shape, len(order)
    gathered = x.index_select(1, order.flatten()).view(batch, groups, tokens, channels)
    panels = gathered.permute(0, 1, 3, 2).reshape(batch, groups * channels, tokens)
    filters = weight.flatten(0, 1).unsqueeze(1)
    convolved = F.conv1d(panels, filters, bias.flatten(), padding=TAPS - 1, groups=groups * channels)
    return F.silu(convolved[..., :tokens]).view(batch, groups, channels, tokens).permute(1, 0, 3, 2)


def _in_fresh_process(tiny: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.orders", *(["--tiny"] if tiny else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(arguments: list[str]) -> None:
    """Prints how long tables take to build in this process, in milliseconds, as JSON."""
    grid = TINY_GRID if "--tiny" in arguments else GRID
    wide = SEARCH_SPACES.get("wide128").candidates  # loads the families; their names are simplified on the way
    names = [name for base in (*BASES, *(f"w{k}" for k in range(2, 40))) for name in variants(base)][:COUNT]
    found = {
        f"{len(wide)} tables, cold": milliseconds(lambda: order_tables(wide, grid)),
        f"{len(wide)} tables, warm": milliseconds(lambda: order_tables(wide, grid)),
        f"distinct {len(names)}, cold": milliseconds(lambda: distinct(names, *grid)),
        f"distinct {len(names)}, warm": milliseconds(lambda: distinct(names, *grid)),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
