"""A derived network with the backend it takes by itself, compiled, exported, traced and transformed."""

import subprocess
import sys

import pytest
import torch

import scansearch

GENOTYPE = [["h", "v_flip", "w2"], ["w2_flip", "snake"]]
KINDS = {
    "default": {},
    "channel": {"attention": "channel"},
    "padded": {"windows": "padded"},
    "recompute": {"mixture": "recompute"},
    "class token": {"class_token": "middle"},
    "torch": {"scan_backend": "torch"},
}
FURTHER = [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "default"]
BY_KIND = pytest.mark.parametrize("kind", ["default", *FURTHER])
WARNINGS = pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:`torch.jit:DeprecationWarning")


def network(kind="default"):
    torch.manual_seed(0)
    sizes = {"num_classes": 3, "image_size": (6, 6), "in_channels": 1}
    return scansearch.build("local_vim_nano", genotype=GENOTYPE, depth=2, **sizes, **KINDS[kind])


def images(count=2):
    return torch.randn(count, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def gradients(function, net):
    net.zero_grad()
    function(images()).square().sum().backward()
    return [p.grad.clone() for p in net.parameters()]


@BY_KIND
@pytest.mark.parametrize("backend", [pytest.param("eager", marks=pytest.mark.slow), "aot_eager"])
def test_compiled_without_a_break(kind, backend):
    net = network(kind)
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(images()), net(images()), rtol=0, atol=0)
    for a, b in zip(gradients(compiled, net), gradients(net, net), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@BY_KIND
@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_exported_saved_and_loaded_by_who_has_only_the_operators(kind, strict, tmp_path):
    net = network(kind).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(net, (images(),), dynamic_shapes=({0: batch},), strict=strict)
    torch.testing.assert_close(exported.module()(images(5)), net(images(5)), rtol=0, atol=0)
    torch.export.save(exported, tmp_path / "network.pt2")
    torch.save(images(), tmp_path / "images.pt")
    code = (
        "import sys, torch, scansearch.ops\n"
        f"net = torch.export.load({str(tmp_path / 'network.pt2')!r}).module()\n"
        f"torch.save(net(torch.load({str(tmp_path / 'images.pt')!r})), {str(tmp_path / 'logits.pt')!r})\n"
        "print('scansearch.models' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.split() == ["False"], done.stderr
    torch.testing.assert_close(torch.load(tmp_path / "logits.pt"), net(images()), rtol=1e-5, atol=1e-6)


@BY_KIND
@WARNINGS
def test_traced_and_saved(kind, tmp_path):
    net = network(kind)
    torch.jit.trace(net, images()).save(str(tmp_path / "network.pt"))
    loaded = torch.jit.load(str(tmp_path / "network.pt"))
    torch.testing.assert_close(loaded(images()), net(images()), rtol=0, atol=0)
    torch.testing.assert_close(loaded(images(5)), net(images(5)), rtol=0, atol=0)
    loaded(images()).square().sum().backward()
    names = dict(loaded.named_parameters())
    for (name, p), gradient in zip(net.named_parameters(), gradients(net, net), strict=True):
        torch.testing.assert_close(names[name].grad, gradient, rtol=1e-5, atol=1e-7, msg=name)
        assert p.shape == names[name].shape


@BY_KIND
def test_functional_call_and_grad(kind):
    net = network(kind)
    weights = {name: p.detach() for name, p in net.named_parameters()}

    def loss(weights):
        return torch.func.functional_call(net, weights, (images(),)).square().sum()

    found = torch.func.grad(loss)(weights)
    for gradient, want in zip(found.values(), gradients(net, net), strict=True):
        torch.testing.assert_close(gradient, want, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_gradients_of_every_image_by_vmap():
    net = network()
    weights = {name: p.detach() for name, p in net.named_parameters()}

    def loss(weights, image):
        return torch.func.functional_call(net, weights, (image[None],)).square().sum()

    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, images())
    for gradient, want in zip(found.values(), gradients(net, net), strict=True):
        torch.testing.assert_close(gradient.sum(0), want, rtol=1e-4, atol=1e-6)


def test_autocast_changes_no_more_than_its_rounding():
    net = network()
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(images())
    torch.testing.assert_close(logits.float(), net(images()), rtol=0.05, atol=0.05)
