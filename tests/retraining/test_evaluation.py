"""What a trained network is worth on test images: right, looked at once, recorded."""

import json
import os
import shutil

import pytest
import torch
from encoded_sets import write_imagenet
from safetensors.torch import save
from torch.nn import functional as F

import scansearch
from scansearch.data import normalise
from scansearch.data.imagenet import IMAGENET
from scansearch.errors import RunFolderError, ScansearchError
from scansearch.genotype import Genotype
from scansearch.registry import DATASETS
from scansearch.retraining import evaluation
from scansearch.retraining.predictions import Predictions, calibration_error
from scansearch.runs.evaluation_json import Evaluations
from scansearch.runs.run import Run
from scansearch.runs.weights_file import WEIGHTS_FORMAT, load_network, read_network_file, save_weights


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.finish._draw", lambda *arguments: None)
    shutil.copytree(trained.path, tmp_path / "run")
    return tmp_path / "run"


def test_accuracies_are_those_of_the_network_on_all_test_images(run):
    found = scansearch.evaluate(run, sizes=[8, 12, 7])
    data, network = DATASETS.get("digits").load(image_size=8), Run.open(run).network()
    images, labels = data.test.batch(torch.arange(len(data.test)))
    facts = DATASETS.get("digits").load(image_size=8, limit=64)  # whose mean the training had
    with torch.no_grad():
        logits = network(normalise(images, facts.mean, facts.std))
    right = logits.argmax(1) == labels
    assert found.images == len(labels) == sum(part.images for part in found.classes)
    assert found.top1 == pytest.approx(right.double().mean().item(), abs=1e-9)
    among = (logits.topk(5).indices == labels[:, None]).any(1)
    assert found.top5 == pytest.approx(among.double().mean().item(), abs=1e-9)
    assert found.loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4)
    assert sum(n for *_, n in found.confusions) == len(labels)
    assert sum(n for true, predicted, n in found.confusions if true == predicted) == int(right.sum())
    three = found.classes[3]
    assert three.accuracy == pytest.approx(right[labels == 3].double().mean().item())
    assert found.speed.images_per_second > 0
    assert [other.size for other in found.resolutions] == [8, 12]
    assert found.resolutions[0].top1 == found.top1
    assert "no accuracy at 7 x 7: the patch size must divide the image" in found.notes[0]


def test_calibration_is_the_distance_of_confidence_and_accuracy():
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.45, 0.55]]).double()
    found = Predictions.of(probabilities.log(), torch.tensor([0, 1, 1, 1]))
    expected = (2 * abs(0.5 - 0.9) + abs(1 - 0.7) + abs(1 - 0.55)) / 4
    assert calibration_error(found.bins()) == pytest.approx(expected)
    assert sum(part.images for part in found.bins()) == 4
    sure = Predictions.of(torch.tensor([[200.0, 0.0]]), torch.tensor([0]))
    assert sure.bins()[-1].images == 1


def test_two_processes_do_not_look_at_test_images_at_a_time(run, monkeypatch):
    real, known = evaluation._evaluated, evaluation._recorded

    def evaluated(*arguments):
        with pytest.raises(RunFolderError, match="run is in use by another process; wait for it to end"):
            scansearch.evaluate(run, sizes=[])
        return real(*arguments)

    monkeypatch.setattr(evaluation, "_evaluated", evaluated)
    first = scansearch.evaluate(run, sizes=[])
    late = iter([None])  # the other has recorded it before this one has the folder
    monkeypatch.setattr(evaluation, "_recorded", lambda *arguments: next(late, known(*arguments)))
    assert scansearch.evaluate(run, sizes=[]) == first
    assert Evaluations.of(run).evaluations == (first,)


def test_test_images_are_looked_at_once_and_every_time_is_recorded(run):
    first = scansearch.evaluate(run, sizes=[])
    assert scansearch.evaluate(run, sizes=[]) == first
    assert len(Evaluations.of(run).evaluations) == 1
    again = scansearch.evaluate(run / "weights.safetensors", sizes=[], again=True)
    assert (again.top1, again.confusions) == (first.top1, first.confusions)
    assert len(Evaluations.of(run).evaluations) == 2
    card = (run / "model_card.md").read_text()
    assert f"| {first.top1:.2%} |" in card
    assert ", time 2 |" in card
    assert scansearch.evaluate(run, sizes=[]) == first  # the first is the one to report


def test_a_released_checkpoint(genotype, trained, tmp_path):
    spec = trained.network
    path = tmp_path / "released.pth"
    from scansearch.registry import MODELS

    model = MODELS.get("local_vim_nano").configure(depth=2, patch_size=2)
    torch.save({"state_dict": model.official_state_dict(spec)}, path)
    found = scansearch.evaluate(path, genotype=genotype, data="digits", sizes=[])
    assert found.images == 270
    assert not (tmp_path / "evaluation.json").exists()
    with pytest.raises(ScansearchError, match="does not say what network its weights are for; add --genotype"):
        scansearch.evaluate(path, data="digits")
    with pytest.raises(ScansearchError, match="does not say what it was trained on; choose test images by --data"):
        scansearch.evaluate(path, genotype=genotype)
    other = Genotype.from_directions([["h", "v", "h_flip"]] * 2, model="local_vim_nano", options=genotype.options)
    with pytest.raises(ScansearchError, match="these weights are not those of this local_vim_nano: 7 missing"):
        scansearch.evaluate(path, genotype=other, data="digits")


def test_what_cannot_be_evaluated_is_refused_in_one_line(run, searched, tmp_path):
    with pytest.raises(ScansearchError, match="is a search, which leaves no trained network"):
        scansearch.evaluate(searched)
    with pytest.raises(ScansearchError, match="batch_size must be an integer from 1"):
        scansearch.evaluate(run, batch_size=0)
    with pytest.raises(ScansearchError, match="a size must be an integer from 1"):
        scansearch.evaluate(run, sizes=[0])
    (run / "evaluation.json").write_text(
        json.dumps({"schema": "scansearch/evaluation/1", "evaluations": [{"top1": 3}]})
    )
    with pytest.raises(ScansearchError, match=r"evaluation\.json: evaluations\.0\."):
        scansearch.evaluate(run)
    damaged = (run / "weights.safetensors").read_bytes()
    (run / "weights.safetensors").write_bytes(damaged[:-20])
    with pytest.raises(ScansearchError, match="cannot read these weights"):
        scansearch.evaluate(run)


def test_images_of_other_classes_are_refused(run, monkeypatch):
    from dataclasses import replace

    from scansearch.data import DatasetSpec

    real = DatasetSpec.load
    monkeypatch.setattr(
        DatasetSpec,
        "load",
        lambda self, *a, **k: replace(real(self, *a, **k), class_names=("zero", *map(str, range(1, 10)))),
    )
    with pytest.raises(ScansearchError, match="class 0 was '0' in the training, but is 'zero' in digits"):
        scansearch.evaluate(run)
    monkeypatch.setattr(
        DatasetSpec, "load", lambda self, *a, **k: replace(real(self, *a, **k), class_names=tuple(map(str, range(11))))
    )
    with pytest.raises(
        ScansearchError, match="is for images of 1 x 8 x 8 pixels in 10 classes, but those of digits have"
    ):
        scansearch.evaluate(run)


@pytest.mark.parametrize("crop", [0.875, 1.0])
def test_test_images_are_cropped_as_the_training_says(crop, genotype, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_imagenet(tmp_path / "data")
    network = scansearch.train(
        tmp_path / "run", genotype=genotype, data="imagenet", data_root=str(tmp_path / "data"), image_size=8, patch_size=2,
        epochs=1, batch_size=8, **({} if crop == 0.875 else {"evaluation_crop": crop}),
    )  # fmt: skip
    found = scansearch.evaluate(tmp_path / "run", sizes=[])
    data = IMAGENET.load(tmp_path / "data", image_size=8, evaluation_crop=crop)
    images, labels = data.test.batch(torch.arange(len(data.test)))
    with torch.no_grad():
        loss = F.cross_entropy(network(normalise(images, data.mean, data.std)), labels)
    assert found.loss == pytest.approx(float(loss), rel=1e-5)


def test_logits_that_are_not_finite_are_refused_in_one_line(run):
    path = run / "weights.safetensors"
    facts, network = load_network(path)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1e30)
    save_weights(path, network, facts)
    with pytest.raises(ScansearchError, match="logits of test images must be finite, but some are not"):
        scansearch.evaluate(run, sizes=[])
    assert not (run / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"std": [0.0]}, r"std\.0: input should be greater than 0, got 0\.0"),
        ({"std": [float("nan")]}, r"std\.0: input should be a"),
        ({"mean": [float("inf")]}, r"mean\.0: input should be a finite number"),
        ({"mean": [0.1, 0.2]}, "mean has a number for each of 1 channels, but there are 2"),
        ({"std": []}, "std has a number for each of 1 channels, but there are 0"),
        ({"class_names": ["a"]}, "class_names has a name for each of 10 classes or none, but there are 1"),
    ],
)
def test_what_a_file_says_of_its_network_must_fit_together(run, told, says):
    path = run / "weights.safetensors"
    facts, tensors = read_network_file(path)
    text = json.dumps({"format": WEIGHTS_FORMAT, "network": {**facts.model_dump(mode="json"), **told}})
    path.write_bytes(save(tensors, metadata={"scansearch": text}))
    with pytest.raises(ScansearchError, match=rf"weights\.safetensors: what it says of its network: {says}"):
        scansearch.evaluate(run)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "weights.safetensors")
    with pytest.raises(ScansearchError, match="cannot read these weights: it is a pipe, no file"):
        scansearch.evaluate(tmp_path / "weights.safetensors")
