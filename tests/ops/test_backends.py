import subprocess
import sys

import pytest
import torch

from scansearch.errors import BackendUnavailableError, ScansearchError, UnsupportedError
from scansearch.ops import backend_report, resolve_backend

X, DOUBLE = torch.zeros(1), torch.zeros(1, dtype=torch.float64)


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_auto_takes_the_kernels_for_float32_alone():
    assert resolve_backend("auto", X) == "cpu"
    assert resolve_backend("auto", X, DOUBLE) == "torch"
    assert resolve_backend("auto", DOUBLE, None) == "torch"


def test_report_says_which_and_why():
    report = {status.name: status for status in backend_report()}
    assert [name for name, status in report.items() if status.chosen] == ["cpu"]
    assert "numba" in report["cpu"].reason
    assert not report["mamba_ssm"].available
    assert "pip install" in report["mamba_ssm"].reason


@pytest.mark.parametrize(
    ("name", "tensor", "error", "words"),
    [
        ("cuda", X, ScansearchError, "there is: auto, reference, torch, cpu, mamba_ssm"),
        ("mamba_ssm", X, BackendUnavailableError, "not installed"),
        ("cpu", DOUBLE, UnsupportedError, "does not compute in torch.float64"),
        ("cpu", torch.zeros(1, device="meta"), BackendUnavailableError, "the tensors are on meta"),
    ],
)
def test_what_cannot_run_says_so(name, tensor, error, words):
    with pytest.raises(error, match=words) as caught:
        resolve_backend(name, tensor)
    assert "\n" not in str(caught.value)


def test_without_numba_auto_is_torch_and_the_reason_is_known():
    done = python(
        "import sys; sys.modules['numba'] = None\n"
        "import torch\n"
        "from scansearch.ops import backend_report, resolve_backend\n"
        "print(resolve_backend('auto', torch.zeros(1)), backend_report()[2].reason)"
    )
    assert done.stdout.startswith("torch ")
    assert "pip install numba" in done.stdout


def test_importing_the_package_does_not_import_numba():
    done = python("import sys, scansearch.ops; print('numba' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr
