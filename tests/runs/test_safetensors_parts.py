"""What is written part after part is what the library reads."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load

from scansearch.files import write_bytes
from scansearch.runs.safetensors_parts import DTYPES, parts_of

SHARED = torch.arange(24.0).view(4, 6)
TENSORS = {
    **{name: torch.tensor([[1, 0, 1]]).to(dtype) for dtype, name in DTYPES.items()},
    "a number": torch.tensor(3.5),
    "nothing": torch.empty(0, 2),
    "turned": SHARED.T,
    "a part of it": SHARED[1:3, ::2],
    "größer": torch.ones(2, requires_grad=True),
}


def test_the_library_reads_it(tmp_path):
    write_bytes(tmp_path / "file", parts_of(TENSORS, {"tree": "of ünits"}))
    found = load((tmp_path / "file").read_bytes())
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    with safe_open(tmp_path / "file", framework="pt") as file:
        assert file.metadata() == {"tree": "of ünits"}


def test_other_numbers_are_refused():
    with pytest.raises(TypeError, match=r"got torch\.complex64"):
        list(parts_of({"z": torch.zeros(1, dtype=torch.complex64)}, {}))
