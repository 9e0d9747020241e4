"""Confirming a run in this process: what is written, what is refused, and that a stop loses nothing."""

import hashlib
import shutil
import signal
from dataclasses import replace

import pytest
import torch

import scansearch
from scansearch.comparing.confirmation import Confirmation, confirm
from scansearch.comparing.halves import HalfRun
from scansearch.data import DatasetSpec, TensorSplit
from scansearch.errors import InterruptedRunError, RunFolderError, ScansearchError
from scansearch.genotype import Genotype
from scansearch.registry import DATASETS
from scansearch.runs.folder import RunFolder
from scansearch.runs.run import Run
from scansearch.searching.assemble import start
from scansearch.training.events import Silent


def once(path, **more):
    return confirm(Confirmation(path, jobs=1, **more))


def contents(folder):
    """Every file that comes out the same if it is done again."""
    told = ("metrics.csv", "layers.csv", "scores.csv", "genotypes.csv", "genotype.json", "config.toml")
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.name in told
    }


@pytest.fixture(scope="module")
def done(tiny, tmp_path_factory):
    """A finished run; look, do not change."""
    folder = tmp_path_factory.mktemp("done") / "run"
    start(tiny(epochs=2), folder)
    return folder


@pytest.fixture
def run(done, tmp_path):
    """A copy of it."""
    shutil.copytree(done, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def undisturbed(done, tmp_path_factory):
    """A copy that was confirmed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    shutil.copytree(done, folder)
    once(folder)
    return folder


def test_the_genotype_says_what_the_halves_do(undisturbed, done):
    found, before = Genotype.load(undisturbed / "genotype.json"), Genotype.load(done / "genotype.json")
    assert found.model_copy(update={"confirmed": None}).to_json() == before.to_json()
    halves = [Run.open(undisturbed / "confirm" / f"half-{n}").genotype.directions for n in (1, 2)]
    shared = [{*one} & {*other} for one, other in zip(*halves, strict=True)]
    assert [layer.overlap for layer in found.confirmed.layers] == [len(names) for names in shared]
    assert {name for name, n in found.confirmed.layers[0].halves.items() if n == 2} == shared[0]
    assert found.confirmed.epochs == 2


def test_halves_are_runs_with_the_settings_of_the_run(undisturbed, done):
    whole, halves = Run.open(done), [Run.open(undisturbed / "confirm" / f"half-{n}") for n in (1, 2)]
    own = ("seed", "data.part", "data.halving")
    for number, half in enumerate(halves, 1):
        recipe, expected = half.config.recipe(), whole.config.recipe()
        assert [recipe[key] for key in own] == [number, f"{number}/2", 1]
        assert {k: v for k, v in recipe.items() if k not in own} == {k: v for k, v in expected.items() if k not in own}
        assert half.genotype.search["data"] == half.environment["data"]
    assert len({run.environment["data"]["fingerprint"] for run in (whole, *halves)}) == 3


def test_the_halves_of_a_pair_are_complementary_and_no_two_seeds_are_equal(done):
    halves = [HalfRun.of(Run.open(done), number) for number in range(1, 11)]
    told = [(half.config.data.part, half.config.data.halving) for half in halves]
    assert told == [(part, pair) for pair in range(1, 6) for part in ("1/2", "2/2")]
    assert len({half.config.seed for half in halves} | {0}) == 11
    assert HalfRun.of(Run.open(done), 1, epochs=9).config.train.epochs == 9


def test_the_same_call_changes_nothing_and_a_pair_more_keeps_the_first(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    before = contents(folder)
    once(folder)
    assert contents(folder) == before
    found = once(folder, pairs=2)
    assert (found.confirmed.pairs, found.confirmed.needed) == (2, 3)
    after = contents(folder)
    assert {name: digest for name, digest in after.items() if name in before and "confirm" in name.parts} == {
        name: digest for name, digest in before.items() if "confirm" in name.parts
    }


class Stops(Silent):
    def stepped(self, progress):
        if progress.step == 1:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [1, 2])
def test_a_stop_in_either_half_loses_nothing(run, undisturbed, number):
    with pytest.raises(InterruptedRunError) as error:
        confirm(Confirmation(run, jobs=1), lambda half: Stops() if half == number else Silent())
    assert str(error.value) == (
        f"stopped by SIGINT after step 1 of 2 of half-{number}; nothing is lost: continue with `scansearch confirm {run}`"
    )
    assert not (run / "confirm" / f"half-{number}" / "genotype.json").exists()
    once(run)
    assert contents(run) == contents(undisturbed)


def test_a_half_can_be_resumed_by_itself(run, undisturbed):
    with pytest.raises(InterruptedRunError):
        confirm(Confirmation(run, jobs=1), lambda half: Stops())
    scansearch.resume(run / "confirm" / "half-1")
    once(run)
    assert contents(run) == contents(undisturbed)


def test_python_returns_the_genotype(undisturbed):
    found = scansearch.confirm(undisturbed, jobs=1)
    assert found.to_json() == (undisturbed / "genotype.json").read_text()


def refused(folder, *, match, **more):
    before = contents(folder)
    with pytest.raises(ScansearchError, match=match):
        once(folder, **more)
    assert contents(folder) == before


def test_a_run_that_is_not_done_is_refused(run):
    (run / "genotype.json").unlink()
    refused(run, match=r"holds no genotype yet; finish the search with `scansearch resume ")


def test_a_run_of_another_kind_is_refused(run):
    path = run / "config.toml"
    path.write_text(path.read_text().replace('kind = "search"', 'kind = "compare"'))
    refused(run, match="is a run of kind compare; what can be confirmed is a search")


def test_a_half_is_refused(undisturbed):
    refused(undisturbed / "confirm" / "half-1", match="is itself a search on part 1/2 of the images")


def test_a_run_in_use_is_refused_before_anything_is_searched(run):
    with RunFolder(run).locked():
        refused(run, match="is in use by another process")
    assert not (run / "confirm").exists()


def test_no_run_and_other_settings_are_refused(tmp_path, run):
    with pytest.raises(RunFolderError, match="holds no run"):
        once(tmp_path / "nothing")
    path = run / "config.toml"
    path.write_text(path.read_text().replace("seed = 0", "seed = 1", 1))
    refused(run, match=r"config.toml says seed = 1, but the checkpoint was made with seed = 0")


@pytest.mark.parametrize("numbers", [{"pairs": 0}, {"pairs": 101}, {"epochs": 0}, {"jobs": True}, {"pairs": "2"}])
def test_numbers_out_of_range_are_refused(run, numbers):
    with pytest.raises(ScansearchError, match=next(iter(numbers))):
        Confirmation(run, **numbers)


def test_halves_of_other_settings_are_refused(undisturbed):
    refused(
        undisturbed, match=r"half-1 was searched with train.epochs = 2, but this needs train.epochs = 3; take", epochs=3
    )


@pytest.fixture
def other_digits(monkeypatch):
    """The digits, darker than they were."""
    digits = DATASETS.get("digits")

    def read(root):
        parts = digits.read(root)
        return replace(parts, train=TensorSplit(parts.train.images // 2, parts.train.labels))

    DATASETS.register("digits", DatasetSpec("digits", "changed", read, "here", digits.augment), override=True)
    yield
    DATASETS.unregister("digits")


def test_images_that_changed_are_refused(run, other_digits):
    refused(run, match="the images of digits changed since the run began")
    assert not (run / "confirm").exists()


def test_a_shared_study_is_left_alone(tiny, tmp_path):
    study = tmp_path / "study.log"
    settings = {"strategy": "optuna_search", "trials": 3, "sampler": "random", "epochs": 1}
    start(tiny(**settings, storage=str(study)), tmp_path / "run")
    before = study.read_bytes()
    found = once(tmp_path / "run")
    assert study.read_bytes() == before
    assert found.confirmed is not None
    assert "storage" not in Run.open(tmp_path / "run" / "confirm" / "half-1").config.strategy.settings


def test_copies_among_the_images_are_told(run, monkeypatch):
    told = []
    monkeypatch.setattr(Silent, "warned", lambda self, message: told.append(message))
    monkeypatch.setattr("scansearch.data.splits.TensorSplit.contents", property(lambda self: ("same",) * len(self)))
    once(run)
    assert [line for line in told if "95 training images are copies of others" in line]


def test_it_does_not_touch_the_callers_random_numbers(undisturbed):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    once(undisturbed)
    assert torch.get_rng_state().equal(before)


def test_a_half_whose_genotype_is_another_is_refused(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    shutil.copy(folder / "genotype.json", folder / "confirm" / "half-2" / "genotype.json")
    refused(folder, match=r"half-2/genotype.json says seed = 0 and data = .*, but the run that made it has seed = 2")


@pytest.mark.parametrize("name", ["genotype.json", "config.toml"])
def test_a_damaged_half_is_refused_before_another_pair_is_searched(undisturbed, tmp_path, name):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "confirm" / "half-2" / name).write_text("{")
    refused(folder, pairs=2, match=f"half-2/{name}.*; restore it, or remove .*half-2: the same call then does it anew")
    assert not (folder / "confirm" / "half-3").exists()
