"""When a backend's numbers are compared with the reference: before its first tensor on a GPU, and never for the CPU alone."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from typer.testing import CliRunner

from scansearch.cli.main import app
from scansearch.errors import BackendUnavailableError
from scansearch.ops import backend_report, mixture, resolve_backend, selective_scan_grouped
from scansearch.ops.backends import coarse_backend
from scansearch.ops.backends.triton import self_check, triton_backend
from scansearch.ops.backends.triton.triton_backend import TRITON

ONE = torch.zeros(1, 1, 1, 1)


@pytest.fixture
def checks(monkeypatch, another_machine):
    """The devices on which the kernels were compared, on a machine with a GPU as torch tells of it; ``says`` is what comes of it."""

    class Checks(list):
        says = None

    found = Checks()
    monkeypatch.setattr(triton_backend, "INTERPRETED", False)
    for name, value in {"devices": ("cuda",), "checked": ("cuda",), "priority": 30}.items():
        monkeypatch.setattr(TRITON, name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(self_check, "differences", lambda device: found.append(device) or found.says)
    return found


def on_gpu(name="auto"):
    with FakeTensorMode():
        return resolve_backend(name, torch.empty(0, device="cuda"))


def test_it_never_runs_where_only_the_cpu_computes(checks):
    selective_scan_grouped(ONE, ONE, ONE[0], ONE, ONE)
    mixture(ONE, ONE.flatten())
    assert coarse_backend("auto", "direction_branches", ONE) is None
    assert resolve_backend("auto", ONE) == "cpu"
    with pytest.warns(
        UserWarning, match="'triton' leaves scan to 'cpu': it computes on cuda, but the tensors are on cpu"
    ):
        assert resolve_backend("triton", ONE) == "cpu"
    report = {status.name: status for status in backend_report("cpu")}
    assert "agree" not in report["triton"].reason
    assert checks == []


def test_it_runs_once_before_the_first_tensor_on_a_gpu(checks):
    assert [on_gpu(), on_gpu("triton"), on_gpu("torch")] == ["triton", "triton", "torch"]
    assert resolve_backend("auto", ONE) == "cpu"
    assert checks == ["cuda"]


def test_what_fails_is_not_chosen_and_says_why(checks):
    checks.says = "its numbers are wrong here: scan by 1.0e+00, of the largest"
    with pytest.warns(UserWarning, match="backend 'triton' is not used on cuda: its numbers are wrong here: scan"):
        assert on_gpu() == "torch"
    with pytest.raises(
        BackendUnavailableError, match="backend 'triton' cannot run here: its numbers are wrong here: scan"
    ):
        on_gpu("triton")
    with FakeTensorMode():
        report = {status.name: status for status in backend_report("cuda")}
        assert coarse_backend("auto", "direction_branches", torch.empty(0, device="cuda")) is None
    assert (report["triton"].available, report["triton"].reason) == (False, checks.says)
    assert report["torch"].chosen
    assert checks == ["cuda"]


def test_an_old_card_is_not_even_tried(checks, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (6, 1))
    with pytest.warns(UserWarning, match="needs a GPU of compute capability 7.0 or newer, but this one has 6.1"):
        assert on_gpu() == "torch"
    assert checks == []


def test_doctor_asks(checks):
    with FakeTensorMode():
        said = CliRunner().invoke(app, ["doctor", "--json"])
    assert said.exit_code == 0, said.output
    assert "its numbers agree with the reference here" in said.output
    assert '"cuda": "triton"' in said.output
    assert checks == ["cuda"]


@pytest.mark.parametrize("border", [torch.inference_mode, torch.no_grad, lambda: torch.device("meta")])
def test_what_the_caller_is_in_does_not_reach_it(border, monkeypatch):
    real = self_check._cases
    monkeypatch.setattr(self_check, "_cases", lambda: {"mixture": real()["mixture"]})
    with border():
        assert self_check.differences("cpu") is None
    transformed = torch.func.grad(lambda x: x.sum() if self_check.differences("cpu") is None else None)
    assert transformed(torch.ones(1)) == 1
