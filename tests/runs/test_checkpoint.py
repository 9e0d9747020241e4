import pytest
import torch

from scansearch.errors import RunFolderError
from scansearch.runs.checkpoint import checkpoints, load_checkpoint, pack, save_checkpoint, unpack

STATE = {
    "step": 3,
    "nested": {0: [torch.arange(3), (1.5, None, True)], "text": "a"},
    "empty": torch.empty(0),
    "random": torch.get_rng_state(),
}


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_state_round_trips_with_types(tmp_path):
    save_checkpoint(tmp_path, 3, STATE)
    assert same(STATE, load_checkpoint(tmp_path, pytest.fail)[1])


def test_pack_is_json_and_refuses_objects():
    tensors = {}
    assert same(unpack(pack(STATE, tensors), tensors), STATE)
    with pytest.raises(TypeError, match="set"):
        pack({1, 2}, {})


def test_only_the_newest_two_stay(tmp_path):
    for step in (1, 5, 20):
        save_checkpoint(tmp_path, step, {"step": step})
    assert [int(path.name[5:14]) for path in checkpoints(tmp_path)] == [20, 5]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_damaged_checkpoint_falls_back_and_says_so(tmp_path, damage):
    save_checkpoint(tmp_path, 1, {"step": 1, "w": torch.ones(4)})
    newest = save_checkpoint(tmp_path, 2, {"step": 2, "w": torch.ones(4)})
    newest.write_bytes(damage(newest.read_bytes()))
    said = []
    assert load_checkpoint(tmp_path, said.append)[1]["step"] == 1
    assert len(said) == 1
    assert newest.name in said[0]
    assert "damaged" in said[0]


def test_all_damaged_is_an_error(tmp_path):
    save_checkpoint(tmp_path, 1, {"step": 1}).write_bytes(b"x")
    with pytest.raises(RunFolderError, match="all 1 checkpoints are damaged"):
        load_checkpoint(tmp_path, lambda message: None)


def test_nothing_saved_yet(tmp_path):
    assert load_checkpoint(tmp_path, pytest.fail) is None


def test_failed_write_keeps_the_previous(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 1, {"step": 1})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(RunFolderError, match="no space left on device"):
        save_checkpoint(tmp_path, 2, {"step": 2})
    assert load_checkpoint(tmp_path, pytest.fail)[1]["step"] == 1
    assert not list(tmp_path.glob(".*"))
