import json
import signal
import sys

import pandas as pd
import pytest
import torch

import scansearch
from scansearch.data import ImageData
from scansearch.errors import DivergenceError, InterruptedRunError, RunFolderError, ScansearchError
from scansearch.runs.folder import RunFolder
from scansearch.runs.tables import GENOTYPES, LAYERS, TABLES, TIMING
from scansearch.searching.assemble import resume, start
from scansearch.training.events import Silent
from scansearch.training.weights import Weights

REPRODUCIBLE = (*(table.name for table in TABLES["search"] if table.repeatable), "genotype.json")


def contents(folder):
    return {name: (folder / name).read_bytes() for name in REPRODUCIBLE}


class Stop(Silent):
    """Asks for a stop, or dies, after a step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def stepped(self, progress):
        if progress.step == self.step:
            self.action()


class Killed(BaseException):
    pass


def die():
    raise Killed


@pytest.fixture(scope="session")
def whole(tiny, tmp_path_factory):
    """What a run that nothing disturbs leaves behind."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    start(tiny(), folder)
    return contents(folder)


def test_same_seed_same_bytes_and_other_seed_other(tiny, tmp_path, whole):
    start(tiny(), tmp_path / "again")
    assert contents(tmp_path / "again") == whole
    start(tiny(seed=1), tmp_path / "other")
    assert contents(tmp_path / "other")["metrics.csv"] != whole["metrics.csv"]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 6, 9])
def test_killed_run_resumes_byte_for_byte(tiny, tmp_path, whole, step):
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run", Stop(step, die))
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == whole


@pytest.mark.parametrize("before", ["write_environment", "write_text", "load_checkpoint", "save_checkpoint"])
def test_killed_while_the_folder_is_made(tiny, tmp_path, whole, monkeypatch, before):
    """Either the folder still counts as empty, or the run resumes with everything the first command knew."""
    monkeypatch.setattr(f"scansearch.runs.folder.{before}", lambda *a, **k: die())
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run")
    monkeypatch.undo()
    begun = (tmp_path / "run" / "config.toml").exists()
    assert begun == before.endswith("checkpoint")
    monkeypatch.setattr("sys.argv", ["another", "command"] if begun else sys.argv)
    resume(tmp_path / "run") if begun else start(tiny(), tmp_path / "run")
    assert contents(tmp_path / "run") == whole


def test_killed_between_table_and_checkpoint(tiny, tmp_path, whole, monkeypatch):
    saves = []

    def save(self, step, state, real=RunFolder.save):
        saves.append(step)
        if step == 3:
            raise Killed
        real(self, step, state)

    monkeypatch.setattr(RunFolder, "save", save)
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run")
    monkeypatch.undo()
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 2  # a row too many for the checkpoint
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [1, 4, 6, 9])
def test_signal_saves_and_says_how_to_go_on(tiny, tmp_path, whole, number, step):
    with pytest.raises(
        InterruptedRunError, match=rf"{number.name} after step {step} of 9.*scansearch resume"
    ) as caught:
        start(tiny(), tmp_path / "run", Stop(step, lambda: signal.raise_signal(number)))
    assert caught.value.exit_status == 130
    assert max((tmp_path / "run" / "checkpoints").iterdir()).name.startswith(f"step-{step:09d}")
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == whole


def test_damaged_checkpoint_falls_back_and_still_ends_the_same(tiny, tmp_path, whole):
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run", Stop(5, die))
    newest = max((tmp_path / "run" / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-100])
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == whole
    assert "is damaged" in (tmp_path / "run" / "log.txt").read_text()


def test_finished_run_only_returns_its_genotype(tiny, tmp_path):
    genotype = start(tiny(), tmp_path / "run")
    before = contents(tmp_path / "run")
    assert resume(tmp_path / "run") == genotype
    assert contents(tmp_path / "run") == before


def test_genotype_says_how_sure_it_is(tiny, tmp_path):
    start(tiny(), tmp_path / "run")
    data = json.loads((tmp_path / "run" / "genotype.json").read_text())
    for layer in data["layers"]:
        assert len(layer["directions"]) == 4
        assert sum(layer["scores"].values()) == pytest.approx(1)
        assert layer["margin"] >= 0
        assert layer["settled"] == (layer["margin"] > layer["margin_noise"])
    assert data["search"]["accuracy_on"] == "validation"


def test_test_images_are_never_touched(tiny, tmp_path, monkeypatch):
    from scansearch.data import TensorSplit
    from scansearch.registry import DATASETS

    forbidden = len(DATASETS.get("digits").load().test)
    test_labels = DATASETS.get("digits").load().test.labels

    def batch(self, indices, real=TensorSplit.batch):
        assert not (len(self) == forbidden and torch.equal(self.labels, test_labels)), "the test split was read"
        return real(self, indices)

    monkeypatch.setattr(TensorSplit, "batch", batch)
    start(tiny(epochs=1), tmp_path / "run")


def test_nan_stops_names_the_step_and_keeps_the_checkpoint(tiny, tmp_path, monkeypatch):
    steps = []

    def loss(self, logits, targets, real=Weights.loss):
        steps.append(len(steps))
        return real(self, logits, targets) * (float("nan") if steps[-1] == 5 else 1)

    monkeypatch.setattr(Weights, "loss", loss)
    with pytest.raises(DivergenceError, match="became nan at step 5"):
        start(tiny(), tmp_path / "run")
    assert max((tmp_path / "run" / "checkpoints").iterdir()).name.startswith("step-000000004")


def test_folder_in_use(tiny, tmp_path):
    with pytest.raises(InterruptedRunError):
        start(tiny(), tmp_path / "run", Stop(1, lambda: signal.raise_signal(signal.SIGINT)))
    in_use = pytest.raises(RunFolderError, match="in use by another process")
    with RunFolder.open(tmp_path / "run").locked(), in_use:
        resume(tmp_path / "run")


def test_folder_of_another_version(tiny, tmp_path):
    start(tiny(epochs=1), tmp_path / "run")
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("scansearch/run/2", "scansearch/run/99"))
    with pytest.raises(RunFolderError, match="scansearch/run/99"):
        resume(tmp_path / "run")


def test_full_disk_loses_nothing(tiny, tmp_path, whole, monkeypatch):
    def fsync(descriptor, calls=[0]):  # noqa: B006
        calls[0] += 1
        if calls[0] > 25:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(RunFolderError, match="no space left on device"):
        start(tiny(), tmp_path / "run")
    monkeypatch.undo()
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == whole


def test_existing_run_is_not_overwritten(tiny, tmp_path):
    start(tiny(epochs=1), tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(RunFolderError, match="holds a run already"):
        start(tiny(), tmp_path / "run")
    assert contents(tmp_path / "run") == before


def test_changed_data_are_refused(tiny, tmp_path, monkeypatch):
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run", Stop(3, die))
    monkeypatch.setattr(ImageData, "fingerprint", "another")
    with pytest.raises(ScansearchError, match="images of digits changed"):
        resume(tmp_path / "run")


def test_every_row_of_every_table_fits_its_header(tmp_path):
    scansearch.search(tmp_path / "run", model="local_vim_nano", depth=2, epochs=2, limit=64)
    table = pd.read_csv(tmp_path / "run" / "metrics.csv", index_col=False)
    assert table.epoch.tolist() == [1, 2]
    assert table.train_accuracy.between(0, 1).all()
    assert table.entropy.between(0.9, 1).all()
    for path in (tmp_path / "run").glob("*.csv"):
        header, *rows = path.read_text().splitlines()
        assert {row.count(",") for row in rows} <= {header.count(",")}, path.name
    with pytest.raises(TypeError, match=r"timing\.csv has rows of TimingRow, but got \(1, 2\.0\)"):
        RunFolder(tmp_path / "run").append(TIMING, [(1, 2.0)])


def test_judged_genotypes_are_kept_in_their_order(tmp_path):
    small = {"model": "local_vim_nano", "depth": 2, "epochs": 1, "limit": 64, "validation_limit": 30}
    settings = {"generations": 1, "population": 4, "mutations": 2, "crossovers": 0}
    genotype = scansearch.search(tmp_path / "run", strategy="single_path", **small, **settings)
    table = pd.read_csv(tmp_path / "run" / "genotypes.csv")
    assert table.number.tolist() == list(range(1, len(table) + 1))
    assert 4 <= len(table) <= 6
    assert [layer.settled for layer in genotype.layers] == [None, None]  # chosen once: there is no telling
    assert table.directions[table.worth.idxmax()] == "; ".join(" ".join(layer) for layer in genotype.directions)
    assert not (tmp_path / "run" / "front").exists()  # all cost the same
    scansearch.search(tmp_path / "darts", **small)
    assert pd.read_csv(tmp_path / "darts" / "genotypes.csv").empty
    scansearch.search(tmp_path / "one_shot", **small, selection="one_shot", judged=3)
    assert 1 <= len(pd.read_csv(tmp_path / "one_shot" / "genotypes.csv")) <= 3


def test_a_search_over_costs_leaves_its_front_as_genotypes(tmp_path):
    small = {"model": "local_vim_nano", "depth": 2, "epochs": 1, "limit": 64, "validation_limit": 60, "keep": [1, 4]}
    chosen = scansearch.search(tmp_path / "run", strategy="optuna_search", sampler="nsga2", trials=12, **small)
    table = pd.read_csv(tmp_path / "run" / "genotypes.csv").set_index("number")
    front = {int(path.stem): scansearch.load_genotype(path) for path in (tmp_path / "run" / "front").iterdir()}
    assert set(front) == set(table.index[table.front == 1])
    for number, genotype in front.items():
        row = table.loc[number]
        assert row.directions == "; ".join(" ".join(layer) for layer in genotype.directions)
        assert row.cost == sum(map(len, genotype.directions))
        assert genotype.search["derived_accuracy"] == pytest.approx(row.worth, abs=1e-9)
        assert genotype.search["cost"] == f"{row.cost:g} directions"
    best = max(front.values(), key=lambda genotype: genotype.search["derived_accuracy"])
    assert best.directions == chosen.directions


def test_a_strategy_knows_what_it_searches(tmp_path, monkeypatch):
    from scansearch.strategies.darts import Darts

    plans, setup = [], Darts.setup
    monkeypatch.setattr(Darts, "setup", lambda self, *args: (plans.append(args[-1]), setup(self, *args))[1])
    run = {"model": "local_vim_nano", "depth": 1, "epochs": 1, "limit": 64}
    scansearch.search(tmp_path / "digits", **run)
    scansearch.search(tmp_path / "again", **run, threads=1)
    scansearch.search(tmp_path / "fewer", **{**run, "limit": 48})
    one, again, fewer = (plan.subject for plan in plans)
    assert one == again
    assert {key for key in one if one[key] != fewer[key]} == {"images", "data.limit"}
    assert len(one["images"]) == 64  # a SHA-256


def test_a_table_of_an_earlier_version_gets_its_columns_as_long_as_it_is_empty(tiny, tmp_path, whole, monkeypatch):
    monkeypatch.setattr(GENOTYPES, "header", "number,worth,directions\n")
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run", Stop(5, die))
    monkeypatch.undo()
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == whole


def test_a_table_with_rows_of_an_earlier_version_is_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(LAYERS, "header", LAYERS.header.replace("changes", "flips"))
    with pytest.raises(Killed):
        start(tiny(), tmp_path / "run", Stop(5, die))
    monkeypatch.undo()
    with pytest.raises(RunFolderError, match=r"layers.csv has the columns .*flips', but this version writes"):
        resume(tmp_path / "run")
