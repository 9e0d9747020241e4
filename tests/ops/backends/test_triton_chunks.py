"""Long scans in two levels, in Triton's interpreter: forced on short sequences, and where the rule says so."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import LEAST, assert_close, outcome
from scan_inputs import restored_inputs, scan, scan_inputs

from scansearch import ops
from scansearch.ops.backends.triton import launch_scan, tiles
from scansearch.ops.backends.triton.tiles import Tile

pytest.importorskip("triton")


@pytest.fixture
def chunked(monkeypatch):
    """Every scan runs in chunks of a tile of four steps; the list has the number of chunks of every pass."""
    made, real = [], launch_scan._carry

    def noted(*arguments, **more):
        made.append(-(-arguments[1].shape[2] // 4))
        real(*arguments, **more)

    for name, value in {"MOST_STEPS": 4, "LONG": 1, "LEAST_SPAN": 1, "FULL": 10**6}.items():
        monkeypatch.setattr(tiles, name, value)
    monkeypatch.setattr(launch_scan, "_carry", noted)
    return made


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((1, 1, 1, 1, 1), []), ((1, 1, 5, 1, 1), [2, 2]), ((2, 1, 11, 17, 2), [3, 3]), ((1, 2, 8, 33, 1), [2, 2])],
    ids=["one step", "one step in the second", "ragged", "whole chunks, two blocks"],
)
def test_chunks_on_shapes(shape, chunks, chunked):
    assert_close(scan, scan_inputs(*shape, fastest=2), "triton", tolerance=5e-6, least=LEAST)
    assert chunked == chunks


def test_chunks_of_several_tiles(chunked, monkeypatch):
    monkeypatch.setattr(tiles, "LEAST_SPAN", 3)
    assert_close(scan, scan_inputs(1, 1, 29, 5, 2, fastest=2), "triton", tolerance=5e-6, least=LEAST)
    assert len(chunked) == 2


@pytest.mark.parametrize("change", [{1: 30.0}, {1: -30.0}, {2: 0.0}, {2: -1e4}, {0: 1e15}], ids=str)
def test_extreme_values_in_chunks(change, chunked):
    tensors = scan_inputs(1, 1, 11, 4, 3, fastest=2)
    for place, value in change.items():
        tensors[place] = torch.full_like(tensors[place], value)
    assert_close(scan, tensors, "triton", tolerance=5e-6)
    assert chunked


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_in_chunks(dtype, chunked):
    tensors = [t.to(dtype) for t in scan_inputs(1, 1, 10, 6, 2, fastest=2)]
    wanted = outcome(scan, tensors, "reference", torch.float64)
    for a, b in zip(outcome(scan, tensors, "triton", dtype), wanted, strict=True):
        assert a.dtype == dtype
        assert float((a.double() - b).abs().max() / b.abs().max()) < 8 * torch.finfo(dtype).eps
    assert chunked


def test_without_softplus_in_chunks(chunked):
    def plain(*given, backend):
        return ops.selective_scan_grouped(*given, delta_softplus=False, backend=backend)

    tensors = scan_inputs(1, 1, 11, 4, 3, fastest=2)
    tensors[1], tensors[7] = tensors[1].abs(), tensors[7].abs()
    assert_close(plain, tensors, "triton", tolerance=5e-6)
    assert chunked


@pytest.mark.parametrize("gated", [True, False])
def test_results_where_their_tokens_stand_in_chunks(gated, chunked):
    tensors, operation = restored_inputs(2, 1, 9, 5, 2, extra=2, gated=gated)
    assert_close(operation, tensors, "triton", tolerance=5e-6, least=LEAST)
    assert len(chunked) == 2


@pytest.mark.parametrize(
    ("length", "programs", "span"),
    [
        (511, 1, 16),  # short
        (3136, 1024, 98),  # programs enough
        (3136, 513, 98),  # two chunks would be more than a GPU runs at once
        (3136, 512, 49),
        (3136, 192, 20),
        (3136, 1, 4),  # no shorter chunk
        (512, 1, 4),
    ],
)
def test_the_rule(length, programs, span):
    assert Tile.of(length, 64).span(length, programs) == span


@pytest.mark.slow
def test_chunks_by_the_rule():
    assert_close(scan, scan_inputs(1, 1, 515, 2, 2, fastest=2), "triton", tolerance=5e-6, least=LEAST)
