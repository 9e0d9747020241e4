from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from scansearch.data.npz import NPZ, read_npz
from scansearch.errors import ScansearchError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 6, 5), dtype=np.uint8)
LABELS = np.arange(40) % 2


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None].astype(np.uint8)], ids=["(n,)", "(n, 1)"])
def test_one_pile(tmp_path: Path, labels: np.ndarray) -> None:
    data = NPZ.load(save(tmp_path / "data.npz", images=IMAGES, labels=labels))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [28, 6, 6]
    assert (data.num_classes, data.channels, data.image_size) == (2, 1, (6, 5))


def test_given_splits_in_a_folder(tmp_path: Path) -> None:
    arrays = {
        f"{part}_{kind}": x for part in ("train", "val", "test") for kind, x in (("images", IMAGES), ("labels", LABELS))
    }
    save(tmp_path / "data.npz", **arrays)
    data = NPZ.load(tmp_path)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [40, 40, 40]
    del arrays["val_images"], arrays["val_labels"]
    save(tmp_path / "data.npz", **arrays)
    data = NPZ.load(tmp_path)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [36, 4, 40]


@pytest.mark.parametrize(
    ("shape", "axes", "channels"),
    [
        ((40, 6, 5), (0, 1, 2), 1),
        ((40, 6, 5, 3), (0, 3, 1, 2), 3),
        ((40, 3, 6, 5), (0, 1, 2, 3), 3),
        ((40, 1, 6, 5), (0, 1, 2, 3), 1),
        ((40, 6, 5, 1), (0, 3, 1, 2), 1),
        ((40, 3, 6, 3), (0, 3, 1, 2), 3),
    ],
)
def test_layouts(tmp_path: Path, shape: tuple[int, ...], axes: tuple[int, ...], channels: int) -> None:
    images = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    split = read_npz(save(tmp_path / "data.npz", images=images, labels=LABELS)).train
    assert split.image_shape[0] == channels
    expected = torch.from_numpy(images.transpose(axes).copy())
    assert torch.equal(split.batch(torch.arange(40))[0], expected if len(shape) == 4 else expected[:, None])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES + 1j, "labels": LABELS}, "images must be real numbers, but images is complex128"),
        ({"images": IMAGES.astype(str), "labels": LABELS}, "images must be real numbers, but images is <U"),
        ({"images": IMAGES[:, 0], "labels": LABELS}, r"must have the shape .* has \(40, 5\)"),
        ({"images": IMAGES.reshape(40, 6, 5, 1, 1), "labels": LABELS}, "must have the shape"),
        (
            {"images": np.zeros((40, 8, 8, 8), np.uint8), "labels": LABELS},
            "either axis may be the channels.*channel_axis=1",
        ),
        (
            {"images": IMAGES, "labels": LABELS, "channel_axis": 1},
            "channel_axis must be 1 or 3, of images with four axes",
        ),
        ({"images": IMAGES[..., None], "labels": LABELS, "channel_axis": 2}, r"channel_axis must be 1 or 3.* is \[2\]"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "must have the shape"),
        ({"images": IMAGES, "labels": LABELS + 0.5}, "labels must be integers, but labels is float64"),
        ({"images": IMAGES, "labels": np.array(["a", "b"] * 20)}, "labels must be integers"),
        ({"images": IMAGES, "labels": np.eye(2, dtype=int)[LABELS]}, r"\(n,\) or \(n, 1\)"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "images has 40 and labels 39"),
        ({"images": IMAGES, "labels": LABELS * 2}, "1 is missing and 2 is there"),
        ({"images": IMAGES, "labels": LABELS - 1}, "0 is missing and -1 is there"),
        (
            {"images": IMAGES, "labels": LABELS.astype(np.uint64) + np.uint64(2**63)},
            r"below 2\*\*63, but labels holds 9223372036854775809",
        ),
        (
            {"images": IMAGES, "labels": LABELS, "train_images": IMAGES},
            "train images in one way, but has both train_images and",
        ),
        ({"images": IMAGES, "labels": LABELS, "train_labels": LABELS}, "train images in one way"),
        (
            {"images": IMAGES, "labels": LABELS, "val_images": IMAGES, "valid_labels": LABELS},
            "validation images in one way",
        ),
        (
            {"images": IMAGES, "labels": LABELS, "test_images": IMAGES / 255, "test_labels": LABELS},
            "must have one type.*images is uint8 and test_images is float64",
        ),
        ({"images": np.where(IMAGES == 9, np.nan, IMAGES), "labels": LABELS}, "finite.*images holds nan in image"),
        ({"images": IMAGES * 1e300, "labels": LABELS}, r"finite numbers within float32, but images holds .*e\+30"),
        ({"images": IMAGES}, "has no labels"),
        ({"x": IMAGES}, "must hold train_images"),
        ({"train_images": IMAGES, "train_labels": LABELS, "val_labels": LABELS}, "has no val_images"),
        (
            {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[:, :5], "test_labels": LABELS},
            "all images must have the same",
        ),
        (
            {"images": IMAGES, "labels": LABELS, "test_images": IMAGES, "test_labels": LABELS + 5},
            r"0 \.\.\. 1 .*label 6",
        ),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ScansearchError, match=message) as caught:
        NPZ.load(save(tmp_path / "data.npz", **arrays))
    assert "\n" not in str(caught.value)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, ("raise SystemExit('a pickle was opened')",)

    objects = np.array([Trap()] * 40, dtype=object)
    with pytest.raises(ScansearchError, match="plain arrays of numbers"):
        NPZ.load(save(tmp_path / "data.npz", images=IMAGES, labels=objects))


def test_damaged_archives(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    for damaged in (b"", b"no archive", whole[:-30], whole[:300] + b"\0" * 50 + whole[350:]):
        path.write_bytes(damaged)
        with pytest.raises(ScansearchError, match=r"data\.npz"):
            NPZ.load(path)
    np.save(tmp_path / "bare.npy", IMAGES)
    with pytest.raises(ScansearchError, match=r"is no \.npz archive"):
        NPZ.load(tmp_path / "bare.npy")


def test_flipped_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    whole = save(tmp_path / "data.npz", images=IMAGES[:4], labels=LABELS[:4]).read_bytes()
    random = np.random.default_rng(2)
    for place in random.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= int(random.integers(1, 256))
        (tmp_path / "data.npz").write_bytes(damaged)
        with suppress(ScansearchError):
            NPZ.load(tmp_path / "data.npz")


@pytest.mark.parametrize("dtype", ["u2", "i2", ">u2", "i4", "f2", "f4", "f8", "i1"])
def test_other_numbers_are_taken_as_they_are(tmp_path: Path, dtype: str) -> None:
    images = (IMAGES.astype("f8") / 2 - 30).astype(dtype)
    data = NPZ.load(save(tmp_path / "data.npz", images=images, labels=LABELS, test_images=images, test_labels=LABELS))
    found, _ = data.test.batch(torch.arange(40))
    assert found.dtype == torch.float32
    assert np.array_equal(found[:, 0].numpy(), images.astype(np.float32))
    train = data.train.images.double()
    torch.testing.assert_close(torch.tensor(data.mean).double(), train.mean(dim=(0, 2, 3)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        torch.tensor(data.std).double(), train.std(dim=(0, 2, 3), correction=0), rtol=1e-6, atol=0
    )


def test_truth_values_are_black_and_white(tmp_path: Path) -> None:
    data = NPZ.load(save(tmp_path / "data.npz", images=IMAGES > 99, labels=LABELS))
    assert data.train.images.dtype == torch.uint8
    assert data.train.images.unique().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((6, 9, 9, 12), 3),
        ((6, 12, 9, 9), 1),
        ((6, 9, 9, 7), 3),
        ((6, 7, 9, 9), 1),
        ((6, 10, 30, 40), 1),
        ((6, 40, 30, 10), 3),
    ],
)
def test_many_channels(tmp_path: Path, shape: tuple[int, ...], axis: int) -> None:
    images = RANDOM.normal(size=shape).astype(np.float32)
    parts = read_npz(save(tmp_path / "data.npz", images=images, labels=np.arange(6) % 2))
    assert torch.equal(parts.train.images, torch.from_numpy(np.moveaxis(images, axis, 1).copy()))
    assert f"are read as {shape[axis]} channels of" in parts.notes[0]
    other = 4 - axis
    parts = read_npz(save(tmp_path / "data.npz", images=images, labels=np.arange(6) % 2, channel_axis=other))
    assert torch.equal(parts.train.images, torch.from_numpy(np.moveaxis(images, other, 1).copy()))
    assert parts.notes == ()


def test_arrays_that_are_not_used_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", images=IMAGES, labels=LABELS, masks=LABELS, Test_images=IMAGES)
    assert NPZ.load(path).notes == (f"{path}: not used are the arrays masks, Test_images",)


@pytest.mark.parametrize("prefix", ["val_", "valid_", "validation_"])
def test_validation_by_other_spellings(tmp_path: Path, prefix: str) -> None:
    arrays = {f"{prefix}images": IMAGES[::-1] ^ 1, f"{prefix}labels": LABELS}
    data = NPZ.load(save(tmp_path / "data.npz", images=IMAGES, labels=LABELS, **arrays))
    assert torch.equal(data.validation.images[:, 0], torch.from_numpy(arrays[f"{prefix}images"].copy()))


def test_no_archive_or_several(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match="needs --data-root"):
        NPZ.load()
    with pytest.raises(ScansearchError, match="there is no"):
        NPZ.load(tmp_path / "missing.npz")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ScansearchError, match="holds none"):
        NPZ.load(tmp_path)
    for name in ("a.npz", "b.npz"):
        save(tmp_path / name, images=IMAGES, labels=LABELS)
    with pytest.raises(ScansearchError, match=r"holds a\.npz, b\.npz"):
        NPZ.load(tmp_path)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((6, 16, 3, 3), 3),
        ((6, 3, 2, 2), 3),
        ((6, 2, 28, 4), 3),
        ((6, 3, 3, 3), 3),
        ((6, 4, 4, 16), 1),
        ((6, 1, 28, 1), 3),
    ],
)
def test_a_line_says_which_of_two_axes_was_taken(tmp_path: Path, shape: tuple[int, ...], axis: int) -> None:
    images = RANDOM.normal(size=shape).astype(np.float32)
    (note,) = read_npz(save(tmp_path / "data.npz", images=images, labels=np.arange(6) % 2)).notes
    height, width = shape[2:] if axis == 1 else shape[1:3]
    assert f"are read as {shape[axis]} channels of {height} x {width} pixels" in note
    assert f"save channel_axis={4 - axis} with them" in note
    assert "\n" not in note
    parts = read_npz(save(tmp_path / "data.npz", images=images, labels=np.arange(6) % 2, channel_axis=axis))
    assert parts.notes == ()


@pytest.mark.parametrize(
    "shape", [(6, 28, 28), (6, 28, 28, 1), (6, 1, 28, 28), (6, 28, 28, 3), (6, 3, 16, 20), (6, 16, 20, 4)]
)
def test_no_line_where_one_axis_alone_can_be_the_channels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = RANDOM.normal(size=shape).astype(np.float32)
    assert read_npz(save(tmp_path / "data.npz", images=images, labels=np.arange(6) % 2)).notes == ()
