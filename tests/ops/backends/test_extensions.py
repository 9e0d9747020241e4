"""The compiled scans of mamba-ssm and VMamba: how they are called, and what is said where they are not there."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import assert_close, outcome
from fake_extensions import install, mamba_ssm, vmamba

from scansearch.ops import selective_scan_grouped
from scansearch.ops.backends.mamba_ssm import MAMBA_SSM
from scansearch.ops.backends.vmamba_scan import VMAMBA_SCAN
from scansearch.ops.shapes import ScanInputs

CALLS = {
    "mamba_ssm": (MAMBA_SSM, mamba_ssm, 3),
    "oflex": (VMAMBA_SCAN, lambda: vmamba("oflex"), 3),
    "core": (VMAMBA_SCAN, lambda: vmamba("core"), 3),
    "ndstate": (VMAMBA_SCAN, lambda: vmamba("ndstate"), 1),
}
calls = pytest.mark.parametrize(("backend", "module", "states"), CALLS.values(), ids=CALLS)


pytestmark = pytest.mark.usefixtures("another_machine")


def inputs(states, length=9):
    torch.manual_seed(0)
    panel, maps, constants = (2, 3, length, 5), (2, 3, length, states), (2, 5)
    return [
        torch.randn(panel), torch.randn(panel), -torch.rand(*constants, states), torch.randn(maps), torch.randn(maps),
        torch.randn(constants), torch.randn(panel), torch.randn(constants),
    ]  # fmt: skip


def scanned(backend, softplus=True):
    """The scan on a backend that no device here is of; ``reference`` as ever."""

    def run(*tensors, backend_name):
        if backend_name == "reference":
            return selective_scan_grouped(*tensors, delta_softplus=softplus, backend=backend_name)
        return backend.scan(ScanInputs(*tensors), softplus)

    return lambda *tensors, backend: run(*tensors, backend_name=backend)


@calls
@pytest.mark.parametrize("softplus", [True, False])
def test_values_and_gradients(backend, module, states, softplus, monkeypatch):
    fake = install(monkeypatch, module())
    tensors = inputs(states)
    if not softplus:
        tensors[1], tensors[7] = tensors[1].abs(), tensors[7].abs()
    assert_close(scanned(backend, softplus), tensors, backend.name)
    assert fake.calls == ["fwd", "bwd"]


@calls
def test_one_step_without_what_is_optional(backend, module, states, monkeypatch):
    fake = install(monkeypatch, module())
    tensors = inputs(states, length=1)
    tensors[5:] = None, None, None
    assert_close(scanned(backend), tensors, backend.name)
    assert fake.calls == ["fwd", "bwd"]


@calls
def test_states_are_kept_every_2048_steps(backend, module, states, monkeypatch):
    fake, tensors = install(monkeypatch, module()), inputs(states, length=2)
    monkeypatch.setattr(fake, "scan", lambda u, *rest: u * rest[4][:, None] + 0 * sum(t.sum() for t in rest[:6]))
    tensors = [t.repeat_interleave(1025, 2) if t.dim() == 4 else t for t in tensors]
    leaves = [t.requires_grad_() for t in tensors]
    backend.scan(ScanInputs(*leaves), True).sum().backward()
    assert fake.calls == ["fwd", "bwd"]


@calls
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_with_constants_in_float32(backend, module, states, dtype, monkeypatch):
    install(monkeypatch, module())
    tensors = [t.to(dtype) for t in inputs(states)]
    tensors[6] = None
    wanted = outcome(scanned(backend), tensors, "reference", torch.float64)
    for a, b in zip(outcome(scanned(backend), tensors, backend.name, dtype), wanted, strict=True):
        assert a.dtype == dtype
        assert float((a.double() - b).abs().max() / b.abs().max()) < 8 * torch.finfo(dtype).eps


@calls
def test_it_compiles_without_a_break(backend, module, states, monkeypatch):
    install(monkeypatch, module())
    tensors = inputs(states)
    torch._dynamo.reset()
    compiled = torch.compile(lambda *t: backend.scan(ScanInputs(*t), True), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*tensors), backend.scan(ScanInputs(*tensors), True))


def test_vmambas_for_one_state_comes_first_and_oflex_before_core(monkeypatch):
    fakes = {kind: install(monkeypatch, vmamba(kind)) for kind in ("core", "oflex", "ndstate")}
    for states, kind in ((1, "ndstate"), (2, "oflex")):
        VMAMBA_SCAN.scan(ScanInputs(*inputs(states)), True)
        assert fakes[kind].calls == ["fwd"]
    assert fakes["core"].calls == []
    modules = "selective_scan_cuda_ndstate, selective_scan_cuda_oflex, selective_scan_cuda_core"
    assert VMAMBA_SCAN.describe() == f"the CUDA scan of VMamba ({modules}); other operations run on the next backend"


def supports(backend, states):
    return backend.supports("scan", *(t.to("meta") for t in inputs(states)))


def test_limits(monkeypatch):
    for backend in (MAMBA_SSM, VMAMBA_SCAN):
        monkeypatch.setattr(backend, "devices", ("meta",))
    install(monkeypatch, vmamba("ndstate"))
    assert supports(VMAMBA_SCAN, 1) is None
    assert supports(VMAMBA_SCAN, 2) == "selective_scan_cuda_ndstate, which alone is there, has 1 state, but got 2"
    assert supports(MAMBA_SSM, 256) is None
    assert supports(MAMBA_SSM, 257) == "it has up to 256 states, but got 257"


def package(monkeypatch, name):
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    return install(monkeypatch, module)


def broken(monkeypatch, tmp_path, name):
    """A module that is there, but built for another torch."""
    (tmp_path / f"{name}.py").write_text("raise ImportError('undefined symbol:\\n _ZN3c10')")
    monkeypatch.syspath_prepend(tmp_path)


def test_mamba_ssm_says_what_is_missing(monkeypatch, tmp_path):
    assert MAMBA_SSM.available().startswith("mamba-ssm is not installed; MAMBA_KEEP_CUDA_BUILD=TRUE pip install ")
    package(monkeypatch, "mamba_ssm")
    build = "MAMBA_KEEP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE pip install "
    without = MAMBA_SSM.available()
    assert without.startswith(
        f"mamba-ssm is installed without its Mamba-1 scan, the extension selective_scan_cuda; build it: {build}"
    )
    with monkeypatch.context() as patch:
        broken(patch, tmp_path, "selective_scan_cuda")
        why = "cannot be imported (ImportError: undefined symbol: _ZN3c10); build it for this torch: "
        assert MAMBA_SSM.available().startswith(f"mamba-ssm's extension selective_scan_cuda {why}{build}")
    install(monkeypatch, mamba_ssm())
    assert MAMBA_SSM.available() == "it computes on a CUDA GPU, but torch finds none here"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert MAMBA_SSM.available() is None


def test_vmamba_says_what_is_missing(monkeypatch, tmp_path):
    assert VMAMBA_SCAN.available().startswith("no extension of VMamba's selective_scan is installed; pip install ")
    broken(monkeypatch, tmp_path, "selective_scan_cuda_oflex")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    why = "cannot be imported (ImportError: undefined symbol: _ZN3c10)"
    assert VMAMBA_SCAN.available().startswith(
        f"VMamba's extension selective_scan_cuda_oflex {why}; build it for this torch: "
    )
    install(monkeypatch, vmamba("core"))
    assert VMAMBA_SCAN.available() is None
    assert "(selective_scan_cuda_core)" in VMAMBA_SCAN.describe()
