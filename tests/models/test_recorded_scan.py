"""Scans around a user's mixers, compiled and exported before anything else has run them."""

import pytest
import torch
from torch import nn

import scansearch
from scansearch.models import SearchableScan, Selection, make_searchable, order_tables
from scansearch.models import searchable as module
from scansearch.scans import order


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(4, 4)

    def forward(self, tokens):
        return torch.cumsum(self.map(tokens), 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.mixers = nn.Conv2d(1, 4, 1), nn.ModuleList([Mixer(), Mixer()])

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for mixer in self.mixers:
            tokens = tokens + mixer(tokens)
        return tokens.mean(1)


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch):
    torch.manual_seed(0)
    torch._dynamo.reset()
    order._laid_out.cache_clear()
    monkeypatch.setattr(module, "_RECORDED", type(module._RECORDED)())


def compiled(net):
    return torch.compile(net, backend="aot_eager", fullgraph=True)


def supernet():
    return make_searchable(Net(), [["h", "hilbert", "w2_flip"]] * 2, layers=Mixer, grids=[(4, 6)] * 2)


IMAGES = torch.rand(2, 1, 4, 6, generator=torch.Generator().manual_seed(0))


def test_a_fresh_derived_network_compiles_and_learns():
    net = supernet().derive([["h", "w2_flip"], ["hilbert"]])
    gradients = []
    for run in (compiled(net), net):
        net.zero_grad()
        run(IMAGES).square().sum().backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(compiled(net)(IMAGES), net(IMAGES), rtol=0, atol=0)


def test_a_fresh_supernet_compiles():
    net = supernet()
    selections = [Selection((0, 2), torch.tensor([0.3, 0.7])), Selection((1,))]
    torch.testing.assert_close(compiled(net)(IMAGES, selections), net(IMAGES, selections), rtol=0, atol=0)


def test_a_compiled_scan_goes_from_grid_to_grid():
    scan = SearchableScan(Mixer, ("h", "hilbert", "v_flip"))
    run = compiled(scan)
    for grid in ((2, 8), (4, 4), (3, 5), (2, 8)):
        tokens = torch.rand(2, grid[0] * grid[1], 4)
        torch.testing.assert_close(run(tokens, grid=grid), scan(tokens, grid=grid), rtol=0, atol=0)


@pytest.mark.parametrize("strict", [False, True])
def test_a_fresh_grid_is_exported(strict):
    scan, tokens = SearchableScan(Mixer, ("h", "hilbert")), torch.rand(2, 24, 4)
    exported = torch.export.export(scan, (tokens,), {"grid": (4, 6)}, strict=strict).module()
    torch.testing.assert_close(exported(tokens, grid=(4, 6)), scan(tokens, grid=(4, 6)), rtol=0, atol=0)


def test_orders_first_asked_for_in_inference_mode_serve_a_training():
    scan, tokens = SearchableScan(Mixer, ("h", "hilbert"), (4, 6)), torch.rand(2, 24, 4)
    with torch.inference_mode():
        scan(tokens)
    scan(tokens).sum().backward()
    assert all(p.grad is not None for p in scan.mixers.parameters())


def test_a_network_built_in_inference_mode_leaves_orders_that_serve_a_training():
    sizes = {"num_classes": 2, "image_size": (6, 10), "in_channels": 1, "depth": 1}
    order_tables._tables.cache_clear()
    with torch.inference_mode():
        scansearch.build("local_vim_nano", genotype=[["h", "hilbert"]], **sizes)
    net = scansearch.build("local_vim_nano", genotype=[["h", "hilbert"]], **sizes)
    net(torch.rand(2, 1, 6, 10)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
