"""A streamed mixture computes what the kept one does: values and every gradient."""

import copy

import pytest
import torch

import scansearch
from scansearch.models import Selection
from scansearch.models.streaming import streamed_sum
from scansearch.space import SearchSpace

NAMES = tuple(f"{base}{flip}" for base in ("h", "v", "w2", "w3", "snake", "hilbert", "w2_col", "spiral", "morton", "w3_col")
              for flip in ("", "_flip"))  # fmt: skip


def supernet(mixture, names=NAMES, dtype=torch.float64, **options):
    torch.manual_seed(0)
    space = SearchSpace(name="many", candidates=names, keep=1)
    sizes = {"num_classes": 3, "image_size": (4, 5), "in_channels": 1}
    options = {"scan_backend": "torch", "patch_size": 1, "depth": 2, **options}
    return scansearch.build("local_vim_nano", space=space, mixture=mixture, **sizes, **options).to(dtype)


def selections(net, kind):
    n = len(net.candidates[0])
    if kind == "softmax":
        return [Selection(tuple(range(n)), alpha.flatten().softmax(0)) for alpha in net.architecture_parameters()]
    if kind == "subset":
        return [Selection((0, 3, n - 1), alpha.flatten()[:3].softmax(0)) for alpha in net.architecture_parameters()]
    return [Selection(tuple(range(n)))] * 2


def gradients(net, kind, images, wanted=None):
    loss = net(images, selections(net, kind)).square().sum()
    chosen = [p for p in net.parameters() if p.requires_grad] if wanted is None else wanted(net)
    return loss.detach(), torch.autograd.grad(loss, chosen, allow_unused=True)


@pytest.mark.parametrize("kind", ["softmax", "subset", "plain"])
@pytest.mark.parametrize(
    "options",
    [{}, {"attention": "none"}, {"attention": "channel"}, {"windows": "padded"}, {"class_token": "middle"}],
    ids=str,
)
def test_values_and_all_gradients_are_those_of_the_kept_mixture(kind, options):
    images = torch.randn(2, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    value, kept = gradients(supernet("keep", **options), kind, images)
    same, streamed = gradients(supernet("recompute", **options), kind, images)
    torch.testing.assert_close(same, value, rtol=1e-11, atol=1e-11)
    for a, b in zip(streamed, kept, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("names", [("h",), NAMES[:7], NAMES[:8], NAMES[:9]], ids=len)
def test_numbers_that_the_chunk_does_not_divide(names):
    images = torch.randn(1, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    results = [gradients(supernet(mixture, names), "softmax", images) for mixture in ("keep", "recompute")]
    torch.testing.assert_close(results[1], results[0], rtol=1e-9, atol=1e-10)


def test_the_cpu_kernels_agree_in_float32():
    images = torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(1))
    nets = [supernet(mixture, dtype=torch.float32, scan_backend="cpu") for mixture in ("keep", "recompute")]
    (value, kept), (same, streamed) = (gradients(net, "softmax", images) for net in nets)
    torch.testing.assert_close(same, value, rtol=1e-5, atol=1e-5)
    scale = max(float(g.abs().max()) for g in kept)
    assert all(float((a - b).abs().max()) < 1e-5 * scale for a, b in zip(streamed, kept, strict=True))


def test_alpha_alone_costs_no_gradient_of_the_weights():
    images = torch.randn(1, 1, 4, 5, dtype=torch.float64)
    found = [
        gradients(supernet(mixture), "softmax", images, lambda net: net.architecture_parameters())[1]
        for mixture in ("keep", "recompute")
    ]
    torch.testing.assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)


def test_auto_streams_only_what_is_many(monkeypatch):
    calls = []
    real = streamed_sum
    monkeypatch.setattr("scansearch.models.supernet.streamed_sum", lambda *args: calls.append(1) or real(*args))
    images = torch.randn(1, 1, 4, 5, dtype=torch.float64)
    for names, kind, streamed in ((NAMES, "plain", 2), (NAMES, "subset", 0), (NAMES[:16], "plain", 0)):
        calls.clear()
        net = supernet("auto", names)
        net(images, selections(net, kind))
        assert len(calls) == streamed


def test_it_works_without_gradients_under_autocast_and_in_a_copy():
    images = torch.randn(1, 1, 4, 5)
    net = copy.deepcopy(supernet("recompute", dtype=torch.float32))
    with torch.no_grad():
        assert torch.equal(net(images, selections(net, "plain")), net(images, selections(net, "plain")))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(images, selections(net, "softmax")).float().square().sum()
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in net.architecture_parameters())


def test_gradients_of_a_sum_that_some_inputs_do_not_reach():
    stacked, shared = torch.randn(5, 3, dtype=torch.float64, requires_grad=True), torch.randn(3, dtype=torch.float64)
    idle = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    total = streamed_sum(lambda part, s, t: (s[0] * t[0]).sum(0), 2, [stacked], [shared, idle])
    total.sum().backward()
    torch.testing.assert_close(stacked.grad, shared.expand(5, 3))
    assert torch.equal(idle.grad, torch.zeros(2, dtype=torch.float64))
