"""Networks in half precision, and under another default dtype."""

import pytest
import torch

import scansearch
from scansearch.models import Selection
from scansearch.space import SearchSpace

LOW = [torch.bfloat16, torch.float16]
NAMES = ("h", "v_flip", "w2", "w2_flip")
FORMS = [{"attention": form} for form in ("none", "channel", "channel_spatial")]
KINDS = [*FORMS, {"class_token": "middle"}, {"windows": "padded"}, {"scan_backend": "torch"}, {"mixture": "recompute"}]
SIZES = {"num_classes": 3, "image_size": (6, 6), "in_channels": 2}


def supernet(**options):
    torch.manual_seed(0)
    space = SearchSpace(name="four", candidates=NAMES, keep=2)
    return scansearch.build("local_vim_nano", space=space, depth=2, **SIZES, **options)


def run(net, dtype, selections):
    """Logits and the gradients of the weights."""
    images = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float32).to(dtype)
    logits = net(images, selections(net))
    logits.float().square().sum().backward()
    return logits, {name: p.grad for name, p in net.named_parameters()}


def mixed(net):
    alphas = net.architecture_parameters()
    return [Selection(tuple(range(4)), alpha.flatten().softmax(0), shortcut=0.5) for alpha in alphas]


def part(net):
    return [Selection((1, 3), None, part=(1, 2))] * 2


@pytest.mark.parametrize("dtype", LOW, ids=str)
@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("selections", [mixed, part])
def test_half_precision_computes_what_float32_does(options, dtype, selections):
    logits, gradients = run(supernet(**options).to(dtype), dtype, selections)
    want, wanted = run(supernet(**options), torch.float32, selections)
    assert logits.dtype == dtype
    torch.testing.assert_close(logits.float(), want, rtol=0.1, atol=0.1)
    for name, gradient in gradients.items():
        assert (gradient is None) == (wanted[name] is None)
        if gradient is not None:
            assert gradient.dtype == dtype
            scale = float(wanted[name].abs().max())
            assert float((gradient.float() - wanted[name]).abs().max()) <= 0.15 * scale + 1e-3, name


def test_the_scan_runs_on_the_kernels_in_float32(monkeypatch):
    seen = []
    real = scansearch.ops.branches.selective_scan_grouped

    def watched(*tensors, **options):
        seen.extend(t.dtype for t in (*tensors, options["delta_bias"]))
        return real(*tensors, **options)

    monkeypatch.setattr("scansearch.ops.branches.selective_scan_grouped", watched)
    run(supernet().bfloat16(), torch.bfloat16, mixed)
    assert set(seen) == {torch.float32}


@pytest.mark.parametrize("dtype", LOW, ids=str)
def test_what_is_derived_from_half_precision_stays_so(dtype):
    net = supernet().to(dtype)
    network = net.derive([["h", "w2"], ["v_flip"]])
    images = torch.randn(2, 2, 6, 6).to(dtype)
    with torch.no_grad():
        assert torch.equal(network(images), net(images, [Selection((0, 2)), Selection((1,))]))
        assert network.at((12, 8))(torch.randn(1, 2, 12, 8).to(dtype)).dtype == dtype


@pytest.fixture(params=[torch.float64, torch.bfloat16], ids=str)
def default(request):
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(torch.float32)


def test_a_network_is_built_in_the_default_dtype(default):
    net = supernet()
    assert {p.dtype for p in (*net.parameters(), *net.buffers())} == {default}
    logits, _ = run(net, default, mixed)
    assert logits.dtype == default


def test_a_search_computes_in_float32_whatever_the_default_dtype(default, tmp_path):
    settings = {"model": "local_vim_nano", "epochs": 1, "limit": 64, "depth": 1, "space": "global4"}
    found = scansearch.search(tmp_path / "default", strategy="single_path", **settings)
    torch.set_default_dtype(torch.float32)
    assert found.directions == scansearch.search(tmp_path / "float32", strategy="single_path", **settings).directions
