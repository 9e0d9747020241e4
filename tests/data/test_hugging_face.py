"""Hugging Face data sets on disk: saved, or parquet; what is not one is refused in a line."""

import sys

import pytest
import torch
from encoded_sets import CLASSES, jpeg, write_imagenet

from scansearch.data.hugging_face import HUGGING_FACE, open_tables
from scansearch.data.imagenet import IMAGENET
from scansearch.errors import ScansearchError


@pytest.fixture
def datasets(tmp_path_factory, monkeypatch):
    found = pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("hf"))
    found.disable_progress_bars()
    open_tables.cache_clear()
    return found


@pytest.fixture
def tables(datasets):
    def make(count, first=0, label=None):
        features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(CLASSES))})
        rows = {
            "image": [{"bytes": jpeg(first + number), "path": None} for number in range(count)],
            "label": [number % 3 if label is None else label for number in range(count)],
        }
        return datasets.Dataset.from_dict(rows, features=features)

    return datasets.DatasetDict({"train": make(30), "validation": make(12, 1000), "test": make(3, 2000, label=-1)})


@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_tables_hold_what_folders_hold(form, tables, tmp_path):
    root = tmp_path / "tables"
    if form == "saved":
        tables.save_to_disk(str(root))
    else:
        (root / "data").mkdir(parents=True)
        for part, table in tables.items():
            table.to_parquet(str(root / "data" / f"{part}-00000-of-00001.parquet"))
    ours = HUGGING_FACE.load(root, image_size=12)
    theirs = IMAGENET.load(write_imagenet(tmp_path / "folders"), image_size=12)
    assert (ours.class_names, len(ours.train)) == (CLASSES, len(theirs.train))
    everything = torch.arange(12)
    images = {image.numpy().tobytes(): int(label) for image, label in zip(*ours.test.batch(everything), strict=True)}
    assert images == {i.numpy().tobytes(): int(n) for i, n in zip(*theirs.test.batch(everything), strict=True)}
    few = ours.train.subset(torch.tensor([20, 3]))
    assert torch.equal(few.batch(torch.arange(2))[0], ours.train.batch(torch.tensor([20, 3]))[0])
    assert ours.notes[0] == "hf: the part test has no labels and is not used"
    assert HUGGING_FACE.load(root, image_size=12).fingerprint == ours.fingerprint
    assert "row " in str(ours.train.source.name(0))


def test_columns_that_are_not_known_are_named(tables, tmp_path):
    tables.rename_column("label", "kind").cast_column("kind", tables["train"].features["label"]).save_to_disk(
        str(tmp_path / "a")
    )
    assert len(HUGGING_FACE.load(tmp_path / "a", image_size=12).test) == 12  # the only ClassLabel
    tables.remove_columns("label").save_to_disk(str(tmp_path / "b"))
    with pytest.raises(ScansearchError, match=r"one column of images and one of classes.*but has image \(Image\)"):
        HUGGING_FACE.load(tmp_path / "b")
    tables.pop("train")
    tables.save_to_disk(str(tmp_path / "c"))
    with pytest.raises(ScansearchError, match="must have a part train, but has validation, test"):
        HUGGING_FACE.load(tmp_path / "c")


def test_a_damaged_table_is_refused(tables, tmp_path):
    tables.save_to_disk(str(tmp_path / "a"))
    (tmp_path / "a" / "train" / "state.json").write_text("{")
    with pytest.raises(ScansearchError, match=r"a cannot be opened \(\w+: .*\); save it again"):
        HUGGING_FACE.load(tmp_path / "a")


def test_what_is_no_data_set_is_refused(datasets, tmp_path):
    with pytest.raises(ScansearchError, match="hf needs --data-root"):
        HUGGING_FACE.load(None)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ScansearchError, match="holds neither what save_to_disk writes nor parquet files"):
        HUGGING_FACE.load(tmp_path)


def test_without_the_package_a_line_says_how_to_get_it(monkeypatch, tmp_path):
    open_tables.cache_clear()
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(ScansearchError, match=r'install it by pip install "scansearch\[hf\]"'):
        HUGGING_FACE.load(tmp_path)
