"""A step of a supernet, compiled: no break at a scan, a mixture or a selection."""

import pytest
import torch

from scansearch.models import Selection
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

CANDIDATES = ("h", "h_flip", "v", "w2")
MODEL = {
    "local_vim_nano": {"depth": 2},
    "vim_tiny": {"depth": 2, "patch_size": 8},
    "local_vmamba_nano": {},
    "vmamba_tiny": {"depths": [1, 1, 1, 1], "embed_dim": 8},
}
CASES = [(model, kind) for model in MODEL for kind in ("mixture", "streamed", "subset")]


@pytest.mark.parametrize(
    ("model", "kind"), [CASES[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[1:])]
)
def test_compiled_without_a_break(model, kind):
    torch.manual_seed(0)
    torch._dynamo.reset()
    shape = ImageShape(32, 32, channels=1, classes=3)
    options = {**MODEL[model], **({"mixture": "recompute"} if kind == "streamed" else {})}
    spec = MODELS.get(model).configure(**options)
    net = spec.supernet([CANDIDATES] * len(spec.layers(shape)), shape)
    images = torch.randn(2, 1, 32, 32)

    def step(images):
        if kind == "subset":
            return net(images, [Selection((0, 2))] * len(net.candidates)).square().sum()
        weights = [alpha.flatten().softmax(0) for alpha in net.architecture_parameters()]
        return net(images, [Selection((0, 1, 2, 3), each) for each in weights]).square().sum()

    learned = [p for p in net.parameters() if p.requires_grad]
    found, wanted = torch.compile(step, fullgraph=True, backend="aot_eager")(images), step(images)
    torch.testing.assert_close(found, wanted)
    pairs = zip(*(torch.autograd.grad(loss, learned, allow_unused=True) for loss in (found, wanted)), strict=True)
    for compiled, eager in pairs:
        assert (compiled is None) == (eager is None)
        if eager is not None:
            torch.testing.assert_close(compiled, eager, rtol=1e-4, atol=1e-5)
