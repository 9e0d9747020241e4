"""Comparing a trained genotype with random ones in this process: what is trained, what is written, what is refused."""

import hashlib
import shutil
import signal

import pytest

import scansearch
from scansearch.comparing.with_random import Against, compare_with_random
from scansearch.errors import DivergenceError, InterruptedRunError, RunFolderError, ScansearchError
from scansearch.genotype import Genotype
from scansearch.retraining.train_config import Subject, make_train_config
from scansearch.retraining.train_run import start_training
from scansearch.runs.comparison_json import Comparison, TrainedGenotype
from scansearch.runs.evaluation_json import Evaluations
from scansearch.runs.run import Run
from scansearch.space import SearchSpace
from scansearch.training.events import Silent
from scansearch.training.weights import Weights

FOUND = [["h", "v_flip"], ["w2", "v"]]
SPACE = {"name": "four", "candidates": ["h", "v", "v_flip", "w2"], "keep": 2}
SHORT = {"epochs": 1, "limit": 32, "validation_limit": 10, "batch_size": 16, "scan_backend": "torch", "ema": 0.9}


def train(folder, genotype, **settings):
    config = make_train_config(Subject(genotype, "a genotype", data="digits"), settings={**SHORT, **settings})
    start_training(config, genotype, folder)


def genotype(**more):
    options = {"depth": 2, "patch_size": 2}
    return Genotype.from_directions(FOUND, model="local_vim_nano", options=options, **more)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished training; look, do not change."""
    folder = tmp_path_factory.mktemp("done") / "run"
    train(folder, genotype(space=SPACE))
    return folder


@pytest.fixture
def run(done, tmp_path):
    """A copy of it."""
    shutil.copytree(done, tmp_path / "run")
    return tmp_path / "run"


def once(path, **more):
    return compare_with_random(Against(path, **{"random": 2, "jobs": 1, **more}))


@pytest.fixture(scope="module")
def undisturbed(done, tmp_path_factory):
    """A copy that was compared."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    shutil.copytree(done, folder)
    once(folder)
    return folder


def contents(folder):
    """Every file that comes out the same if it is done again."""
    told = ("epochs.csv", "weights.safetensors", "genotype.json", "config.toml", "comparison.json")
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.name in told
    }


def test_random_genotypes_are_trained_as_the_run_was(undisturbed, done):
    found = Comparison.of(undisturbed)
    whole, others = Run.open(done), [Run.open(undisturbed / "random" / str(number)) for number in (1, 2)]
    own = ("seed", "genotype.directions")
    for number, (other, row) in enumerate(zip(others, found.random, strict=True), 1):
        recipe, expected = other.config.recipe(), whole.config.recipe()
        assert {k: v for k, v in recipe.items() if k not in own} == {k: v for k, v in expected.items() if k not in own}
        assert recipe["seed"] == row.seed == number
        assert [list(names) for names in row.directions] == recipe["genotype.directions"] == other.genotype.directions
        assert all(len(names) == 2 and {*names} <= {*SPACE["candidates"]} for names in row.directions)
        assert Evaluations.of(other.path).evaluations[0].top1 == row.top1
    assert len({row.directions for row in (found.found, *found.random)}) == 3
    assert [list(names) for names in found.found.directions] == FOUND
    assert Evaluations.of(undisturbed).evaluations[0].top1 == found.found.top1
    assert (found.space, found.data, found.images) == ("four", "digits", 270)


def test_the_same_call_changes_nothing_and_more_keep_the_first(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    before, looked = contents(folder), Evaluations.of(folder)
    once(folder)
    assert contents(folder) == before
    assert Evaluations.of(folder) == looked
    found = scansearch.compare(folder, random=3, jobs=1)
    assert found == Comparison.of(folder)
    assert found.random[:2] == Comparison.of(undisturbed).random
    after = contents(folder)
    assert {name: digest for name, digest in after.items() if name in before and "random" in name.parts} == {
        name: digest for name, digest in before.items() if "random" in name.parts
    }


class Stops(Silent):
    def stepped(self, progress):
        if progress.step == 1:
            signal.raise_signal(signal.SIGINT)


def test_a_stop_loses_nothing(run, undisturbed):
    with pytest.raises(InterruptedRunError) as error:
        compare_with_random(Against(run, 2, jobs=1), lambda number: Stops() if number == 2 else Silent())
    assert str(error.value) == (
        "stopped by SIGINT after step 1 of 2 of random 2; nothing is lost: continue with "
        f"`scansearch compare {run} --random 2`"
    )
    assert not (run / "comparison.json").exists()
    once(run)
    assert contents(run) == contents(undisturbed)


@pytest.mark.parametrize(("random", "p"), [([0.1, 0.2], 1 / 3), ([0.5, 0.2], 2 / 3), ([0.6, 0.9], 1.0)])
def test_p_is_exact_and_counts_ties_against_the_found_one(random, p):
    rows = [TrainedGenotype(directions=[("h",)], seed=0, top1=top1) for top1 in (0.5, *random)]
    found = Comparison(data="d", fingerprint="", images=9, space="s", found=rows[0], random=rows[1:])
    assert found.p == p


def test_networks_for_pixels_are_ranked_by_mean_iou():
    rows = [
        TrainedGenotype(directions=[("h",)], seed=0, top1=top1, mean_iou=mean_iou)
        for top1, mean_iou in ((0.9, 0.4), (0.8, 0.5), (0.95, 0.3), (0.99, 0.2))
    ]
    found = Comparison(data="d", fingerprint="", images=9, space="s", found=rows[0], random=rows[1:])
    assert (found.measure, found.as_good, found.p) == ("mean_iou", 1, 0.5)


def refused(folder, *, match, **more):
    before = contents(folder)
    with pytest.raises(ScansearchError, match=match):
        once(folder, **more)
    assert contents(folder) == before


def test_what_is_no_training_or_not_done_is_refused(run, tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        once(tmp_path / "nothing")
    (run / "weights.safetensors").unlink()
    refused(run, match=r"is not trained to its end; go on with `scansearch resume ")


def test_more_genotypes_than_the_space_has_are_refused(run):
    refused(run, random=100, match=r"has only 35 others that keep as many directions in each layer; take --random 35")


def test_a_space_is_needed_and_must_hold_the_genotype(tmp_path):
    train(tmp_path / "run", genotype())
    refused(tmp_path / "run", match="does not say which space it is of; name that of the random ones by --space")
    refused(tmp_path / "run", space="vim2", match="is not of space 'vim2': layer 1 has no candidate 'v_flip'")
    SearchSpace.from_dict(SPACE).save(tmp_path / "four.json")
    found = once(tmp_path / "run", random=1, space=str(tmp_path / "four.json"))
    assert found.space == "four"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: None, "has lost its genotype.json; `scansearch resume"),
        (lambda text: text.replace('"w2",\n        "v"', '"w2",\n        "h"'), "genotype.json says directions = "),
        (lambda text: text.replace('"shape"', '"shop"'), "genotype.json does not say what images its network takes"),
    ],
)
def test_a_genotype_that_is_not_that_of_the_training_is_refused(change, says, run):
    path = run / "genotype.json"
    changed = change(path.read_text())
    path.unlink() if changed is None else path.write_text(changed)
    with pytest.raises(RunFolderError) as caught:
        once(run)
    assert says in str(caught.value)


def test_inherited_weights_are_refused(run):
    path = run / "config.toml"
    path.write_text(path.read_text() + '\n[inherit]\nsource = "elsewhere"\ndigest = "abc"\n')
    refused(run, match="began with the weights of elsewhere, which random genotypes cannot have alike")


def test_random_ones_of_other_settings_are_refused(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    shutil.copytree(folder / "random" / "1", folder / "random" / "3")
    refused(folder, random=3, match=r"3 was trained with seed = 1 and .*, but this needs seed = 3 and ")


@pytest.mark.parametrize("numbers", [{"random": 0}, {"random": 1001}, {"jobs": 0}, {"jobs": True}, {"random": "2"}])
def test_numbers_out_of_range_are_refused(run, numbers):
    with pytest.raises(ScansearchError, match=next(iter(numbers))):
        Against(run, **numbers)


def test_where_a_random_one_diverges_the_line_names_the_run_and_what_begins_it(done, run, monkeypatch):
    """Its rate is that of the run, and ``compare`` takes none."""
    monkeypatch.setattr(Weights, "loss", lambda self, logits, targets: logits.sum() * float("nan"))
    begun = f"start that anew with .*`scansearch train ... --set lr={Run.open(done).config.train.lr / 3:.1g}`$"
    said = rf"the loss became nan at step 0; .*{run}/random/1.* are those of {run}: {begun}"
    with pytest.raises(DivergenceError, match=said):
        once(run, random=1)
