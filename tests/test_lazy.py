"""What is imported late is the real thing, and comes no sooner than it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

import scansearch.models
from scansearch import lazy


def test_lazy_torch_is_torch():
    assert lazy.torch.Tensor is torch.Tensor
    assert isinstance(lazy.torch.zeros(2), torch.Tensor)
    with pytest.raises(AttributeError, match="nothing_of_torch"):
        lazy.torch.nothing_of_torch  # noqa: B018


def test_what_is_patched_is_patched_there_too(monkeypatch):
    monkeypatch.setattr(torch, "zeros", lambda *shape: shape)
    assert lazy.torch.zeros(2, 3) == (2, 3)


def test_it_waits_for_its_first_use():
    code = (
        "import sys; from scansearch.lazy import torch; assert 'torch' not in sys.modules\n"
        "torch.nn.Module; import torch as real; print(real.Tensor is torch.Tensor)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_packages_say_what_they_do_not_have():
    with pytest.raises(AttributeError, match="module 'scansearch.models' has no attribute 'Selections'"):
        scansearch.models.Selections  # noqa: B018


@pytest.mark.parametrize("package", ["scansearch.models", "scansearch.data"])
def test_packages_have_all_they_promise(package):
    module = sys.modules.get(package) or __import__(package, fromlist=["__all__"])
    assert all(getattr(module, name) is not None for name in module.__all__)
