"""Weights are read from safetensors and from checkpoints, and nothing in a file is run."""

import argparse
import collections

import pytest
import torch
from safetensors.torch import save_file

from scansearch.errors import ScansearchError
from scansearch.models import read_weights

ONE, OTHER = {"a": torch.arange(3.0), "b.c": torch.ones(2, 2)}, {"a": torch.zeros(3)}


class Runs:
    """What a pickle can do to its reader."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was opened')",)


def same(found, wanted):
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    "content",
    [
        ONE,
        collections.OrderedDict(ONE),
        {"state_dict": ONE},
        {
            "model": ONE,
            "epoch": 3,
            "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": []},
            "ema_model": None,
        },
        {"module." + name: value for name, value in ONE.items()},
    ],
    ids=["bare", "ordered", "state_dict", "training checkpoint", "wrapped"],
)
def test_weights_of_a_checkpoint(content, tmp_path):
    torch.save(content, tmp_path / "weights.pth")
    same(read_weights(tmp_path / "weights.pth"), ONE)


def test_weights_of_a_safetensors_file(tmp_path):
    save_file(ONE, tmp_path / "weights.safetensors")
    same(read_weights(str(tmp_path / "weights.safetensors")), ONE)


def test_one_of_several_parts(tmp_path):
    path = tmp_path / "last.pth.tar"
    torch.save({"model": ONE, "ema_model": OTHER}, path)
    same(read_weights(path, part="ema_model"), OTHER)
    with pytest.raises(
        ScansearchError, match=r"several parts that are weights; .*by part= \(there is: model, ema_model\)"
    ):
        read_weights(path)
    with pytest.raises(ScansearchError, match=r"no weights as its part 'ema'; .*\(there is: model, ema_model\)"):
        read_weights(path, part="ema")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"model": ONE, "args": argparse.Namespace(lr=1)}, r"argparse\.Namespace"),
        ({"model": ONE, "run": Runs()}, r"exec"),
        (torch.nn.Linear(2, 2), r"torch\.nn\.modules\.linear\.Linear"),
    ],
    ids=["settings", "code", "a module"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_opened(content, named, zipped, tmp_path):
    torch.save(content, tmp_path / "weights.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        ScansearchError, match=rf"holds more than tensors \({named}\), .*save its state dict alone"
    ) as caught:
        read_weights(tmp_path / "weights.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"no weights", bytes(200), b"PK" + bytes(100)], ids=["empty", "text", "zeros", "zip"]
)
def test_damaged_files(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScansearchError, match=r"damaged.*; fetch it again") as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("numbers", [1, 30_000])  # of the larger, torch looks for its end before its beginning
def test_a_checkpoint_that_was_cut_off(numbers, tmp_path):
    torch.save({"weight": torch.ones(numbers)}, tmp_path / "weights.pth")
    whole = (tmp_path / "weights.pth").read_bytes()
    (tmp_path / "weights.pth").write_bytes(whole[: min(len(whole) // 2, 5000)])
    with pytest.raises(ScansearchError, match="damaged"):
        read_weights(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [torch.ones(1)], torch.ones(2), {"a": torch.ones(1), "epoch": 3}]
)
def test_a_checkpoint_without_weights(content, tmp_path):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(ScansearchError, match="holds no weights: no tensors by name"):
        read_weights(tmp_path / "weights.pth")


def test_no_file(tmp_path):
    with pytest.raises(ScansearchError, match="cannot read these weights: no such file"):
        read_weights(tmp_path / "weights.pth")
    with pytest.raises(ScansearchError, match="cannot read these weights: it is a folder"):
        read_weights(tmp_path)
    with pytest.raises(ScansearchError, match="read_weights takes text or a path as path, but got 3"):
        read_weights(3)
