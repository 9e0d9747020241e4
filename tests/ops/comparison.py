"""Values and all gradients of an operation, on one backend and in the yardstick's float64."""

import torch

LEAST = 0.1
"""For random numbers of about 1: a sum of few of them may cancel, but its error does not."""


def outcome(operation, tensors, backend, dtype):
    """The result of ``operation(*tensors)`` and the gradients of a random weighted sum of it."""
    leaves = [None if t is None else t.detach().to(dtype).requires_grad_() for t in tensors]
    result = operation(*leaves, backend=backend)
    weights = torch.randn(result.shape, generator=torch.Generator().manual_seed(987654321), dtype=torch.float64)
    gradients = torch.autograd.grad((result * weights.to(dtype)).sum(), [t for t in leaves if t is not None])
    return [result.detach(), *gradients]


def assert_close(operation, tensors, backend, dtype=torch.float32, tolerance=3e-6, least=0.0):
    """Every value and gradient within ``tolerance`` of the largest one in float64, or of ``least`` if that is larger.

    Below 1e-30 all numbers are zero.
    """
    got = outcome(operation, tensors, backend, dtype)
    want = outcome(operation, tensors, "reference", torch.float64)
    for number, (a, b) in enumerate(zip(got, want, strict=True)):
        assert a.shape == b.shape
        assert a.dtype == dtype
        assert torch.isfinite(a).all()
        if b.numel() == 0:
            continue
        scale = max(float(b.abs().max()), least, 1e-30 / tolerance)
        error = float((a.double() - b).abs().max()) / scale
        assert error <= tolerance, f"output {number} (0: value, then gradients): relative error {error:.1e}"
