"""The tables of `make gpu-check` without a GPU: its kernels in Triton's interpreter, and no clock."""

import pytest
import torch

pytest.importorskip("triton")

from benchmarks import gpu_kernels
from scansearch.ops.backends.triton import tiles


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    for name in ("empty_cache", "reset_peak_memory_stats", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, lambda: 0)
    small = {
        "DEVICE": "cpu", "SHAPES": {"LocalVim-T": (1, 1, 5, 3, 1)}, "SMALL": ((1, 1, 5, 3, 2),), "LONG": ((1, 1, 9, 3, 1),),
        "TILES": ((8, 16, 8),), "LOOPED": ("torch",),
        "backends": lambda: ["triton", "torch"], "milliseconds": lambda function: (function(), 1.0)[1],
    }  # fmt: skip
    for name, value in small.items():
        monkeypatch.setattr(gpu_kernels, name, value)
    monkeypatch.setattr(tiles, "MOST_STEPS", 4)
    monkeypatch.setattr(tiles, "LEAST_SPAN", 1)


def test_every_table_is_filled():
    tables = [gpu_kernels.scans(copied=1.0), gpu_kernels.levels(), gpu_kernels.passes(), gpu_kernels.tiles()]
    assert [len(table) for table in tables] == [6, 2, 8, 2]
    assert not [row["failed"] for table in tables for row in table if "failed" in row]
    assert all(row["both_ms"] == 1.0 for table in tables for row in table)
    assert (tiles.MOST_STEPS, tiles.LONG) == (4, 512)


def test_a_backend_in_a_loop_gives_what_it_gives_at_once():
    tensors = gpu_kernels.inputs((3, 2, 5, 4, 2), torch.float32)
    found = gpu_kernels.scan(f"torch{gpu_kernels.IN_A_LOOP}", *tensors)
    torch.testing.assert_close(found, gpu_kernels.scan("torch", *tensors))


def test_both_ways_of_a_long_scan_are_timed(monkeypatch):
    spans = []
    real = tiles.Tile.span
    monkeypatch.setattr(tiles.Tile, "span", lambda *a: spans.append(real(*a)) or spans[-1])
    assert [(row["levels"], row["chosen"]) for row in gpu_kernels.levels()] == [(1, True), (2, False)]
    assert set(spans) == {3, 1}


def test_what_is_wrong_is_marked(monkeypatch):
    assert all(row["right"] for row in gpu_kernels.check())
    monkeypatch.setattr(gpu_kernels, "TOLERANCE", {torch.float32: 1e-12})
    assert not any(row["right"] for row in gpu_kernels.check())
