"""The kernels on one thread, on several, in a forked process, and without a cache to write to."""

import os
import subprocess
import sys

import pytest

CODE = """
import hashlib, os, sys
import torch
from scansearch.ops import mixture, norm_reduce, reorder_conv_silu, restore_gate, selective_scan_grouped, weigh, weighed_mixture

def run():
    return hashlib.sha256((of(20) + of(6)).encode()).hexdigest()

def of(D):
    torch.manual_seed(0)
    G, B, L, N = 3, 5, 40, 16
    order = torch.stack([torch.randperm(L) for _ in range(G)])
    x, z = torch.randn(B, L, D, requires_grad=True), torch.randn(B, L, D, requires_grad=True)
    taps, bias = torch.randn(G, D, 4, requires_grad=True), torch.randn(G, D, requires_grad=True)
    A, maps = -torch.rand(G, D, N), torch.randn(G, B, L, N, requires_grad=True)
    alpha = torch.randn(G, requires_grad=True)
    u = reorder_conv_silu(x, order, taps, bias, backend="cpu")
    y = selective_scan_grouped(u, u, A, maps, maps, backend="cpu")
    y = restore_gate(y, z, order, order.argsort(1), backend="cpu")
    y, pooled, reduced = norm_reduce(y, A[0, :, :8].T.contiguous(), backend="cpu")
    y = y + pooled[:, :, None] * reduced.mean(3, keepdim=True)
    y = weigh(y, y.mean(2), y.mean(3), backend="cpu")
    out = mixture(y, alpha, backend="cpu") + weighed_mixture(y, y.mean(2), y.mean(3), alpha, backend="cpu")
    grads = torch.autograd.grad(out.square().sum(), [x, z, taps, bias, maps, alpha])
    digest = hashlib.sha256()
    for t in (out, *grads):
        digest.update(t.detach().numpy().tobytes())
    return digest.hexdigest()
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE + code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_any_number_of_threads_gives_the_same_bits():
    values = run("for n in (1, 2, 4, 1):\n    torch.set_num_threads(n)\n    print(run())", OMP_NUM_THREADS="4")
    assert len(values) == 4
    assert len(set(values)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_does_not_hang_and_agrees():
    code = """
torch.set_num_threads(2)
print(run(), flush=True)
if (child := os.fork()) == 0:
    print(run(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    first, second = run(code, OMP_NUM_THREADS="2")
    assert first == second


def test_without_openmp_python_threads_do_the_work():
    code = """
from scansearch.ops.backends.cpu import kernel
torch.set_num_threads(2)
print(run())
kernel._openmp = lambda: None
print(run(), kernel.threads_from().replace(" ", "-"))
"""
    with_openmp, without, source = run(code, OMP_NUM_THREADS="2")
    assert with_openmp == without
    assert source == "Python-threads"
