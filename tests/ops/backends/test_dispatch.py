import subprocess
import sys
import warnings

import pytest
import torch
from typing_extensions import override

from scansearch.errors import BackendUnavailableError, ScansearchError
from scansearch.ops import (
    BranchParameters,
    Orders,
    backend_report,
    direction_branches,
    mixed_branches,
    mixture,
    reorder_conv_silu,
    resolve_backend,
    selective_scan_grouped,
    weigh,
)
from scansearch.ops.backends import Backend
from scansearch.ops.backends.torch import TORCH
from scansearch.registry import BACKENDS

X, DOUBLE = torch.zeros(1), torch.zeros(1, dtype=torch.float64)
PANEL = torch.randn(2, 1, 5, 8)


class ScanOnly(Backend):
    """Scans up to four states, on the CPU, and does nothing else."""

    name, priority, devices = "scan_only", 100, ("cpu",)

    def __init__(self, missing=None):
        self.missing, self.calls = missing, 0

    @override
    def available(self):
        return self.missing

    @override
    def describe(self):
        return "a test"

    @override
    def supports(self, op, *tensors):
        if op == "scan" and tensors[2].shape[-1] > 4:
            return f"it has up to 4 states, but got {tensors[2].shape[-1]}"
        return super().supports(op, *tensors)

    def scan(self, inputs, delta_softplus):
        self.calls += 1
        return TORCH.scan(inputs, delta_softplus)


class Fused(ScanOnly):
    """Has the branches in one operation, too, of up to two directions."""

    @override
    def supports(self, op, *tensors):
        if op == "direction_branches" and len(tensors[2]) > 2:
            return f"it fuses up to 2 directions, but got {len(tensors[2])}"
        return super().supports(op, *tensors)

    def direction_branches(self, x, z, orders, parameters):
        self.calls += 1
        return x.expand(len(orders.order), *x.shape)


@pytest.fixture
def registered():
    """A function that registers a backend until the test ends."""
    names = []

    def register(backend):
        names.append(backend.name)
        return BACKENDS.register(backend.name, backend)

    yield register
    for name in names:
        BACKENDS.unregister(name)


def scan(states, backend):
    return selective_scan_grouped(
        PANEL, PANEL, -torch.ones(2, 8, states), *[torch.randn(2, 1, 5, states)] * 2, backend=backend
    )


def branches(groups, backend, run=direction_branches, **more):
    order = torch.stack([torch.randperm(5, generator=torch.Generator().manual_seed(i)) for i in range(groups)])
    generator = torch.Generator().manual_seed(0)
    shapes = [(groups, 8, 3), (groups, 8), (groups, 8, 8), (groups, 8, 2), (groups, 8), (groups, 8, 4), (groups, 8)]
    parameters = BranchParameters(*(torch.randn(shape, generator=generator) for shape in shapes))
    x = torch.randn(1, 5, 8, generator=generator)
    return run(x, x, Orders(order, order.argsort(1)), parameters, **more, backend=backend)


def said(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(warning.message) for warning in caught]


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_auto_takes_the_kernels_for_float32_alone():
    assert resolve_backend("auto", X) == "cpu"
    assert resolve_backend("auto", X, DOUBLE) == "torch"
    assert resolve_backend("auto", DOUBLE, None) == "torch"


def test_report_says_which_and_why():
    report = {status.name: status for status in backend_report()}
    assert list(report) == ["cpu", "mamba_ssm", "vmamba_scan", "torch", "triton", "reference"]
    assert [name for name, status in report.items() if status.chosen] == ["cpu"]
    assert "numba" in report["cpu"].reason
    assert not report["mamba_ssm"].available
    assert "pip install" in report["mamba_ssm"].reason


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("cuda", ScansearchError, "there is: auto, cpu, mamba_ssm, vmamba_scan, torch, triton, reference"),
        ("mamba_ssm", BackendUnavailableError, "not installed"),
    ],
)
def test_what_cannot_run_says_so(name, error, words):
    with pytest.raises(error, match=words) as caught:
        resolve_backend(name, X)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (DOUBLE, "it does not compute in torch.float64"),
        (torch.zeros(1, device="meta"), "it computes on cpu, but the tensors are on meta"),
    ],
)
def test_what_a_named_backend_does_not_take_the_next_one_computes_and_it_is_said_once(tensor, words):
    for expected in ([f"backend 'cpu' leaves scan to 'torch': {words}"], []):
        assert said(lambda: resolve_backend("cpu", tensor)) == expected
        assert resolve_backend("cpu", tensor) == "torch"


def test_a_backend_with_one_operation_leaves_the_others_one_by_one(registered):
    fake = registered(ScanOnly())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scan(3, "scan_only")
    assert fake.calls == 1
    notes = said(lambda: [mixture(PANEL, torch.ones(2), backend="scan_only") for _ in range(2)])
    assert notes == ["backend 'scan_only' leaves mixture to 'cpu': it has scan alone"]
    assert not said(lambda: weigh(PANEL, PANEL[:, :, 0], PANEL[..., 0], backend="scan_only"))  # the same reason
    assert said(lambda: scan(5, "scan_only")) == [
        "backend 'scan_only' leaves scan to 'cpu': it has up to 4 states, but got 5"
    ]
    assert fake.calls == 1


def test_a_registered_backend_is_chosen_by_its_priority_and_leaves_without_a_word(registered):
    fake = registered(ScanOnly())
    assert resolve_backend("auto", X) == "scan_only"
    assert backend_report()[0].name == "scan_only"
    assert not said(lambda: (scan(3, "auto"), scan(5, "auto"), branches(3, "auto")))
    assert fake.calls == 2
    scan(3, "cpu")
    assert fake.calls == 2


def test_a_backend_that_is_not_available_is_not_asked(registered):
    registered(ScanOnly("no such machine; buy one"))
    assert resolve_backend("auto", X) == "cpu"
    assert next(s.reason for s in backend_report() if not s.available) == "no such machine; buy one"
    with pytest.raises(
        BackendUnavailableError, match="'scan_only' cannot run here: no such machine; buy one; use 'torch' or 'auto'"
    ):
        scan(3, "scan_only")


def test_a_coarse_operation_is_taken_from_the_first_backend_that_serves_the_device(registered):
    fake = registered(Fused())
    assert torch.equal(branches(2, "auto")[0], branches(2, "scan_only")[1])
    assert fake.calls == 2
    mixed = branches(2, "scan_only", mixed_branches, weights=torch.ones(2))
    torch.testing.assert_close(mixed, mixture(branches(2, "scan_only"), torch.ones(2)))
    assert fake.calls == 4
    torch.testing.assert_close(branches(2, "torch"), branches(2, "cpu"))
    assert fake.calls == 4


def test_what_a_coarse_operation_declines_its_parts_compute(registered):
    fake = registered(Fused())
    notes = said(lambda: branches(3, "scan_only"))
    assert notes == [
        "backend 'scan_only' leaves direction_branches to its parts: it fuses up to 2 directions, but got 3",
        "backend 'scan_only' leaves reorder_conv_silu to 'cpu': it has scan alone",
    ]
    assert fake.calls == 1


def test_a_fall_back_compiles_without_a_break(registered):
    registered(ScanOnly())
    torch._dynamo.reset()

    def layer(backend):
        return lambda y: mixture(scan(3, backend) + y, torch.ones(2), backend=backend)

    given, torch_too = torch.randn(PANEL.shape), torch.randn(1, 5, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn", torch.ones)
        compiled = torch.compile(layer("scan_only"), backend="eager", fullgraph=True)
        assert not said(lambda: torch.testing.assert_close(compiled(given), layer("torch")(given)))
    taps, order = torch.randn(1, 8, 7), torch.arange(5)[None]
    conv = lambda x, backend: reorder_conv_silu(x, order, taps, taps[..., 0], backend=backend)  # noqa: E731
    compiled = torch.compile(conv, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(torch_too, "cpu"), conv(torch_too, "torch"), rtol=0, atol=0)


def test_without_numba_auto_is_torch_and_the_reason_is_known():
    done = python(
        "import sys; sys.modules['numba'] = None\n"
        "import torch\n"
        "from scansearch.ops import backend_report, resolve_backend\n"
        "print(resolve_backend('auto', torch.zeros(1)), backend_report()[0].reason)"
    )
    assert done.stdout.startswith("torch "), done.stderr
    assert "pip install numba" in done.stdout


def test_importing_the_package_does_not_import_numba():
    done = python("import sys, scansearch.ops; print('numba' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr
