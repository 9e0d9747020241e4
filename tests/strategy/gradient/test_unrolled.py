import torch
from torch.utils._python_dispatch import TorchDispatchMode
from toy_search import ToySupernet, step

from scansearch.models import Selection
from scansearch.strategy.gradient.unrolled import unrolled_gradient


class Reads(TorchDispatchMode):
    """Counts the numbers that the host takes out of a tensor: on a GPU each would wait for it."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_the_host_reads_nothing_and_asks_for_alpha_once():
    torch.manual_seed(0)
    net, asked = ToySupernet(), []

    def select():
        asked.append(None)
        return [Selection(tuple(range(4)), alpha.flatten().softmax(0)) for alpha in net.alphas]

    before = [w.detach().clone() for w in net.readout.parameters()]
    with Reads() as reads:
        float(torch.ones(()))
        gradients = unrolled_gradient(step(net), select, list(net.alphas), list(net.readout.parameters()))
    assert reads.count == 1  # the one of this test
    assert len(asked) == 1
    assert all(float(gradient.abs().max()) > 0 for gradient in gradients)
    assert all(map(torch.equal, before, net.readout.parameters()))
