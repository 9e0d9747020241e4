"""Stand-ins for the compiled scans of other packages: they compute with the reference, and refuse what those refuse."""

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch

from scansearch.ops import selective_scan

FLOATS = (torch.float32, torch.float16, torch.bfloat16)


class Extension(ModuleType):
    """A module with ``fwd`` and ``bwd``; ``calls`` has the name of each that was made.

    Args:
        name: Of the module.
        before: How many arguments None stand between D and the bias: one in mamba-ssm, for its gate.
        one_state: Whether A, B and C have no axis for states.
        forward_rest: What must follow ``softplus``.
        backward_before: What must stand between x and ``softplus``.
        backward_rest: What must follow it there.
    """

    def __init__(self, name, *, before=(), one_state=False, forward_rest=(), backward_before=(), backward_rest=()):
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)
        self.before, self.one_state, self.calls = list(before), one_state, []
        self.forward_rest, self.backward_before, self.backward_rest = forward_rest, backward_before, backward_rest

    def scan(self, u, delta, A, B, C, D, bias, softplus):
        if self.one_state:
            A, B, C = A[:, None], B[:, :, None], C[:, :, None]
        return selective_scan(u, delta, A, B, C, D, delta_bias=bias, delta_softplus=softplus, backend="reference")

    def check(self, u, delta, A, B, C, D, bias):
        (batch, width, length), groups = u.shape, B.shape[1]
        states = () if self.one_state else (A.shape[1],)
        assert u.dtype in FLOATS
        assert {t.dtype for t in (delta, B, C)} == {u.dtype}
        assert {t.dtype for t in (A, D, bias)} == {torch.float32}
        assert delta.shape == u.shape
        assert A.shape == (width, *states)
        assert B.shape == C.shape == (batch, groups, *states, length)
        assert D.shape == bias.shape == (width,)
        assert all(t.stride(-1) == 1 or t.shape[-1] == 1 for t in (u, delta, B, C, D, bias))
        return (batch, width, -(-length // 2048), 2 * (1 if self.one_state else A.shape[1]))

    def fwd(self, u, delta, A, B, C, D, *rest):
        none, (bias, softplus, *rest) = list(rest[: len(self.before)]), rest[len(self.before) :]
        assert none == self.before
        assert rest == list(self.forward_rest)
        kept = torch.full(self.check(u, delta, A, B, C, D, bias), 7.0)
        self.calls.append("fwd")
        return [self.scan(u, delta, A, B, C, D, bias, softplus), kept]

    def bwd(self, u, delta, A, B, C, D, *rest):
        none, (bias, dout, kept, *rest) = list(rest[: len(self.before)]), rest[len(self.before) :]
        between, softplus, *rest = rest[: len(self.backward_before)], *rest[len(self.backward_before) :]
        assert none == self.before
        assert between == list(self.backward_before)
        assert rest == list(self.backward_rest)
        assert kept.shape == self.check(u, delta, A, B, C, D, bias)
        assert kept.is_contiguous()
        assert (kept == 7.0).all()
        assert dout.dtype == u.dtype
        assert dout.stride(-1) == 1 or dout.shape[-1] == 1
        self.calls.append("bwd")
        # torch records nothing within a kernel's backward pass, but in a thread of its own.
        with ThreadPoolExecutor(1) as alone:
            return alone.submit(self.gradients, dout, (u, delta, A, B, C, D, bias), softplus).result()

    def gradients(self, dout, tensors, softplus):
        leaves = [t.detach().requires_grad_() for t in tensors]
        return list(torch.autograd.grad(self.scan(*leaves, softplus), leaves, dout))


def mamba_ssm():
    """That of mamba-ssm 1.0 to 2.3."""
    name = "selective_scan_cuda"
    return Extension(name, before=[None], backward_before=(None, None), backward_rest=(False,))


def vmamba(kind):
    """One of VMamba's: ``oflex``, ``core`` or ``ndstate``."""
    rest = (1, False) if kind == "oflex" else (1,)
    name = f"selective_scan_cuda_{kind}"
    return Extension(name, one_state=kind == "ndstate", forward_rest=rest, backward_rest=(1,))


def install(monkeypatch, module):
    """Makes it importable until the test ends."""
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module
