"""The one mixture: never more than 16 branches in one call, whatever layer they belong to."""

import pytest
import torch
from torch import nn

import scansearch
from scansearch.models import SearchableScan, Selection
from scansearch.models.supernet import mixture_of
from scansearch.ops import mixture
from scansearch.registry import SEARCH_SPACES
from scansearch.space import SearchSpace
from scansearch.testing.planted_model import PlantedLayer

WIDE = SEARCH_SPACES.get("wide32").candidates


def layer(memory, chunks):
    """A layer of 40 branches, each a number times the input."""
    scales = torch.arange(1.0, 41, dtype=torch.float64, requires_grad=True)

    def run(chunk, rows, shared):
        chunks.append(len(chunk.indices))
        (rows,), (x,) = rows, shared
        return mixture((rows[:, None, None, None] * x), chunk.weights)

    def forward(x, selection):
        return mixture_of(selection, run, x, [scales], [x], memory=memory)

    return scales, forward


@pytest.mark.parametrize(
    ("memory", "count", "chunks"),
    [
        ("auto", 16, [16]),
        ("auto", 17, [8, 8, 1]),
        ("keep", 40, [16, 16, 8]),
        ("recompute", 3, [3]),
        ("recompute", 16, [8, 8]),
    ],
)
@pytest.mark.parametrize("weighted", [True, False])
def test_no_call_has_more_than_sixteen_branches(memory, count, chunks, weighted):
    seen = []
    scales, forward = layer(memory, seen)
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(count, dtype=torch.float64, requires_grad=True) if weighted else None
    indices = tuple(reversed(range(count)))
    value = forward(x, Selection(indices, weights, shortcut=0.5))
    assert seen == chunks
    rows = scales.flip(0)[-count:] if count < 40 else scales.flip(0)
    want = mixture(rows[:, None, None, None] * x, weights, backend="torch") + 0.5 * x
    torch.testing.assert_close(value, want)
    leaves = [x, scales, *([weights] if weighted else [])]
    found = torch.autograd.grad(value.square().sum(), leaves)
    torch.testing.assert_close(found, torch.autograd.grad(want.square().sum(), leaves))
    assert seen == (chunks if (count <= 16 and memory == "auto") or memory == "keep" else chunks * 2)


@pytest.mark.parametrize("attention", ["none", "channel"])
@pytest.mark.parametrize("memory", ["auto", "keep"])
def test_a_local_vim_never_groups_more(attention, memory, monkeypatch):
    from scansearch.ops import branches

    groups, real = [], branches.selective_scan_grouped
    monkeypatch.setattr(
        branches, "selective_scan_grouped", lambda u, *a, **k: groups.append(len(u)) or real(u, *a, **k)
    )
    space = SearchSpace(name="many", candidates=WIDE, keep=1)
    sizes = {"num_classes": 2, "image_size": (8, 8), "in_channels": 1, "depth": 1, "patch_size": 1}
    net = scansearch.build("local_vim_nano", space=space, attention=attention, mixture=memory, **sizes)
    net(torch.rand(1, 1, 8, 8), [Selection(tuple(range(32)), torch.ones(32) / 32)])
    assert groups == ([16] * 2 if memory == "keep" else [8] * 4)


def test_users_mixers_are_recomputed_one_by_one_with_their_random_numbers():
    torch.manual_seed(0)
    scan, calls = SearchableScan(lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), WIDE[:17], (3, 4)), []
    for mixer in scan.mixers:
        mixer.register_forward_hook(lambda *_: calls.append(1))
    tokens = torch.randn(2, 12, 4, requires_grad=True)
    outcomes = []
    for names in (17, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("scansearch.models.supernet.MOST_TOGETHER", names - 1)
            torch.manual_seed(1)
            calls.clear()
            loss = scan(tokens).square().sum()
            outcomes.append([loss, *torch.autograd.grad(loss, [tokens, *scan.mixers.parameters()])])
            assert len(calls) == (34 if names == 17 else 17)
    assert all(torch.equal(a, b) for a, b in zip(*outcomes, strict=True))


def test_the_planted_problem_has_the_same_mixture():
    torch.manual_seed(0)
    net = PlantedLayer(WIDE[:20], (4, 4), 8, 3).double()
    pixels = torch.rand(3, 16, dtype=torch.float64)
    selection = Selection(tuple(range(20)), torch.rand(20, dtype=torch.float64))
    outcomes = []
    for most in (16, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("scansearch.models.supernet.MOST_TOGETHER", most)
            value = net(pixels, selection)
            outcomes.append([value, *torch.autograd.grad(value.square().sum(), list(net.parameters()))])
    for a, b in zip(*outcomes, strict=True):
        torch.testing.assert_close(a, b)
