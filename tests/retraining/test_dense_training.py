"""Images with masks from the search to the file: run, train, evaluate, export; stopped and resumed; between the two kinds of task."""

from __future__ import annotations

import shutil
import signal

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from scansearch.reports.confusion import CONFUSION

import scansearch
from scansearch.cli import compare
from scansearch.cli import evaluate as evaluate_command
from scansearch.comparing.with_random import Against, compare_with_random
from scansearch.data import AugmentSettings
from scansearch.data.mask_folder import MASK_FOLDER
from scansearch.errors import InterruptedRunError, ScansearchError
from scansearch.export.derived import DerivedNetwork, trained_weights
from scansearch.export.onnx_file import ONNX
from scansearch.export.plain_torch import PLAIN
from scansearch.figures.sources import RunSource
from scansearch.finish import finish_evaluation
from scansearch.retraining.model_card import write_card
from scansearch.runs.evaluation_json import Evaluations
from scansearch.runs.run import Run
from scansearch.runs.tables import EPOCHS, GENOTYPES, METRICS
from scansearch.training.evaluate import evaluate
from scansearch.training.events import Silent
from scansearch.training.feed import Feed
from tests.mask_images import DISC, IGNORED, NAMES, SQUARE, write_masked

QUICK = {"epochs": 1, "batch_size": 8, "patch_size": 4, "warmup_epochs": 0}
VIM = {"model": "local_vim_nano", **QUICK}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    write_masked(folder, 30)
    (folder / "classes.txt").write_text("\n".join(NAMES))
    return folder


@pytest.fixture(scope="module")
def searched(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("searched") / "run"
    scansearch.search(out, data="maskfolder", data_root=str(root), space="global4", **VIM)
    return out


@pytest.fixture(scope="module")
def trained(searched, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "run"
    scansearch.train(out, genotype=str(searched), **QUICK)
    return out


class StopAt(Silent):
    def __init__(self, step):
        self.step = step

    def stepped(self, progress):
        if progress.step == self.step:
            signal.raise_signal(signal.SIGTERM)


def test_the_genotype_tells_that_pixels_have_classes(searched):
    genotype = Run.open(searched).genotype
    assert genotype.shape.dense
    assert (genotype.shape.size, genotype.shape.classes) == ((16, 16), 3)


def test_an_epoch_of_a_search_tells_its_mean_iou(searched):
    (row,) = Run.open(searched).rows(METRICS)
    assert row.measure == "mean_iou"
    assert 0 < row.worth < 1
    assert row.worth != row.val_accuracy
    assert f", worth {row.worth:.6g}, measure mean_iou, " in (searched / "log.txt").read_text()


def test_an_epoch_of_a_training_tells_its_mean_iou(trained, root):
    """In the table, the log and the card, as measured here once more."""
    run, data = Run.open(trained), MASK_FOLDER.load(root)
    (row,) = run.rows(EPOCHS)
    feed = Feed(data, AugmentSettings(), 8, 0, Fabric(accelerator="cpu", devices=1))
    found = evaluate(run.network(), data.validation, feed)
    assert (row.worth, row.val_accuracy) == pytest.approx((found.mean_iou, found.accuracy), abs=1e-6)
    assert row.worth != row.val_accuracy
    assert row.measure == "mean_iou"
    assert ", measure mean_iou, " in (trained / "log.txt").read_text()
    card = write_card(trained).read_text()
    assert f"Validation mean IoU {row.worth:.2%}, pixels right {row.val_accuracy:.2%} (loss" in card


def test_a_trained_network_is_evaluated_once_on_the_pixels_of_test_images(trained, root):
    found = scansearch.evaluate(trained)
    data = MASK_FOLDER.load(root)
    network = Run.open(trained).network()
    images, targets = data.test.batch(torch.arange(len(data.test)))
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (data.mean, data.std))
    with torch.no_grad():
        predicted = network((images / 255 - mean) / std).argmax(1)
    counted = targets != IGNORED
    assert found.pixels == int(counted.sum()) == len(data.test) * 15 * 16
    assert found.top1 == pytest.approx(float((predicted == targets)[counted].double().mean()))
    assert 0 < found.mean_iou <= 1
    assert tuple(c.name for c in found.classes) == NAMES
    assert sum(c.images for c in found.classes) == sum(n for _, _, n in found.confusions) == found.pixels
    assert [r.size for r in found.resolutions] == [12, 20]
    assert all(0 < r.mean_iou <= 1 for r in found.resolutions)
    assert scansearch.evaluate(trained) == found
    assert Evaluations.of(trained).evaluations == (found,)


def test_its_files_say_what_it_is_and_name_its_classes(trained, capsys):
    found = scansearch.evaluate(trained)
    done = finish_evaluation(trained)
    assert done.failures == []
    card = (trained / "model_card.md").read_text()
    assert "A class for every pixel: 3 x 16 x 16 pixels to 3 classes" in card
    assert "| pixels right | mean IoU |" in card
    evaluate_command._show(found)
    shown = " ".join(capsys.readouterr().out.split())
    worst = min(found.classes, key=lambda c: c.iou)
    for text in (card, shown):
        assert worst.name in NAMES
        assert f"{worst.name} " in text
    source = RunSource.open(trained)
    labels = [label.get_text() for label in CONFUSION.draw(source).axes[0].get_yticklabels()]
    assert labels == list(NAMES)


def test_genotypes_are_judged_by_the_mean_iou_of_validation_images(root, tmp_path, monkeypatch):
    """Those that stand alone and those of a supernet; here the more pixels are right, the less their IoU is."""
    told = []

    def contrary(*arguments, **more):
        found = evaluate(*arguments, **more)
        told.append(found._replace(mean_iou=round(1 - found.accuracy, 8)))
        return told[-1]

    more = {"data": "maskfolder", "data_root": str(root), "space": "global4", "strategy": "random_search", **VIM}
    several = {"samples": 4, "finalists": 4}
    for place, of in (("loop", "derived"), ("from_scratch", "trained")):
        monkeypatch.setattr(f"scansearch.searching.{place}.evaluate", contrary)
        settings = {**several, "judge": "training", "judge_epochs": 1} if of == "trained" else several
        genotype = scansearch.search(tmp_path / of, **more, **settings)
        rows = Run.open(tmp_path / of).rows(GENOTYPES)
        assert {row.measure for row in rows} == {"mean_iou"}
        assert {row.worth for row in rows} <= {found.mean_iou for found in told}
        best = max(rows, key=lambda row: row.worth)
        assert best.worth > min(row.worth for row in rows)
        assert best.directions == "; ".join(" ".join(names) for names in genotype.directions)
        assert genotype.search[f"{of}_mean_iou"] == pytest.approx(best.worth, abs=1e-9)
        assert f"{of}_accuracy" not in genotype.search


def test_it_is_compared_with_random_ones_by_the_mean_iou_of_test_images(trained, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "run")
    found = compare_with_random(Against(tmp_path / "run", random=1, jobs=1))
    for path, row in ((tmp_path / "run", found.found), (tmp_path / "run" / "random" / "1", found.random[0])):
        (evaluation,) = Evaluations.of(path).evaluations
        assert (row.worth, row.top1) == (evaluation.mean_iou, evaluation.top1)
    assert found.measure == "mean_iou"
    compare._show(tmp_path / "run", found)
    shown = capsys.readouterr().out
    assert f"mean IoU on {found.images} test images of maskfolder" in shown
    assert "standard error" not in shown


def test_a_search_and_a_training_resume_byte_for_byte(root, searched, trained, tmp_path):
    more = {"data": "maskfolder", "data_root": str(root), "space": "global4", "checkpoint_steps": 1}
    with pytest.raises(InterruptedRunError):
        scansearch.search(tmp_path / "search", listener=StopAt(2), **VIM, **more)
    scansearch.resume(tmp_path / "search")
    for name in ("metrics.csv", "scores.csv"):
        assert (tmp_path / "search" / name).read_bytes() == (searched / name).read_bytes()
    with pytest.raises(InterruptedRunError):
        scansearch.train(tmp_path / "train", genotype=str(searched), listener=StopAt(1), checkpoint_steps=1, **QUICK)
    scansearch.resume(tmp_path / "train")
    assert (tmp_path / "train" / "weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()
    assert (tmp_path / "train" / "epochs.csv").read_bytes() == (trained / "epochs.csv").read_bytes()


def test_a_genotype_goes_from_pixels_to_images_and_back(root, searched, tmp_path):
    genotype = Run.open(searched).genotype
    network = scansearch.train(
        tmp_path / "digits", genotype=genotype, data="digits", limit=64, image_size=8, **{**QUICK, "patch_size": 2}
    )
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    there = Run.open(tmp_path / "digits").genotype
    assert not there.shape.dense
    network = scansearch.train(
        tmp_path / "back", genotype=there, data="maskfolder", data_root=str(root), image_size=16, **QUICK
    )
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 3, 16, 16)
    with pytest.raises(
        ScansearchError, match="gives one class an image, but the images of maskfolder have a class for each pixel"
    ):
        scansearch.evaluate(tmp_path / "digits", data="maskfolder", data_root=str(root))


def test_what_masks_cannot_follow_is_refused_before_anything_is_written(searched, tmp_path):
    with pytest.raises(ScansearchError, match="not through cutmix; use --set cutmix=0"):
        scansearch.train(tmp_path / "run", genotype=str(searched), cutmix=1.0, **QUICK)
    assert not (tmp_path / "run").exists()


def _derived(trained):
    genotype = Run.open(trained).genotype
    return DerivedNetwork(genotype, trained_weights(trained, genotype), "shapes")


def test_it_is_not_written_as_plain_pytorch(trained):
    network = _derived(trained)
    assert "no head for a class of every pixel" in PLAIN.applies(network)


@pytest.mark.slow
def test_it_is_written_as_onnx(trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    run = Run.open(trained)
    (path,) = ONNX.write(_derived(trained), tmp_path)
    images = torch.randn(3, 3, 16, 16)
    (logits,) = onnxruntime.InferenceSession(str(path)).run(None, {"images": images.numpy()})
    with torch.no_grad():
        wanted = run.network()(images)
    np.testing.assert_allclose(logits, wanted.numpy(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["local_vim_nano", "local_vmamba_nano"])
def test_it_learns_shapes_that_no_pixel_tells(model, tmp_path):
    write_masked(tmp_path / "data", 300)
    options = {} if model == "local_vmamba_nano" else {"patch_size": 2}
    scansearch.search(
        tmp_path / "run", model=model, data="maskfolder", data_root=str(tmp_path / "data"), space="global4",
        epochs=2, batch_size=32, **options,
    )  # fmt: skip
    scansearch.train(tmp_path / "trained", genotype=str(tmp_path / "run"), epochs=15, batch_size=16)
    found = scansearch.evaluate(tmp_path / "trained", sizes=[])
    masks = [np.asarray(Image.open(path)) for path in (tmp_path / "data" / "masks").iterdir()]
    shapes = np.isin(masks, (SQUARE, DISC)).mean()
    majority = (1 - shapes) / 3  # of IoU, for who says background everywhere
    assert majority < 0.3
    assert found.mean_iou > 0.75
    assert min(c.iou for c in found.classes) > 0.6
