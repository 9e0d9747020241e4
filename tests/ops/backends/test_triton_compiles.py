"""Triton compiles every kernel for a GPU, though none is here: its interpreter lets pass what its compiler refuses."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

COMPILE = """
import importlib, pkgutil, sys, warnings
import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction
import scansearch.ops.backends.triton as home
from scansearch.ops.backends.triton import self_check, tiles

class Nobody:
    get_current_device = staticmethod(lambda: 0)
    get_current_stream = staticmethod(lambda device: 0)
    get_current_target = staticmethod(lambda: GPUTarget("cuda", int(sys.argv[1]), 32))

real, compiled = JITFunction.run, set()

def run(self, *arguments, grid, warmup, **numbers):
    compiled.add(self.__name__)
    assert "cubin" in real(self, *arguments, grid=grid, warmup=True, **numbers).asm

driver.set_active(Nobody())
JITFunction.run = run
def launch(dtype, *names):
    for name, (kernel, _, tensors) in self_check._cases().items():
        if name in names or not names:
            self_check.outcome(kernel, [t.to(dtype) if t.is_floating_point() else t for t in tensors])

launch(torch.float32)
tiles.LONG, tiles.FULL, tiles.LEAST_SPAN = 1, 10**6, 1
launch(torch.float32, "scan", "scan_restore")
# What is 1 becomes a constant of the kernel: here nothing is.
self_check.BATCH, self_check.LENGTH, tiles.LEAST_SPAN = 2, 135, 2
launch(torch.bfloat16)
modules = [importlib.import_module(f"{home.__name__}.{m.name}") for m in pkgutil.iter_modules(home.__path__)]
kernels = {k for m in modules for k, v in vars(m).items() if isinstance(v, JITFunction) and not k.startswith("_")}
assert kernels == compiled, kernels ^ compiled
print(len(kernels), "kernels")
"""


@pytest.mark.slow
@pytest.mark.parametrize("capability", [75, 90])
def test_every_kernel_compiles(capability, tmp_path):
    """For Turing and Hopper, on the arguments with which the operators launch them."""
    around = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | {"TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILE, str(capability)],
        env=around, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.stdout.endswith(" kernels\n"), done.stderr[-2000:]
