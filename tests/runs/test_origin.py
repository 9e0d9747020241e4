"""A run goes on, or returns its genotype, only under what made it."""

import json
import shutil

import pytest

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.runs.checkpoint import checkpoints
from scansearch.searching.assemble import resume, start
from scansearch.training.events import Silent


class Stop(Silent):
    """Dies after the fifth step."""

    def stepped(self, progress):
        if progress.step == 5:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory):
    """A run that was killed on the way, one of another seed, and one that has ended."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("stopped", 0), ("other", 1)):
        with pytest.raises(KeyboardInterrupt):
            start(tiny(seed=seed), folder / name, Stop())
    start(tiny(epochs=1), folder / "finished")
    return folder


@pytest.fixture(params=["stopped", "finished"])
def run(request, runs, tmp_path):
    shutil.copytree(runs / request.param, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def stopped(runs, tmp_path):
    shutil.copytree(runs / "stopped", tmp_path / "run")
    return tmp_path / "run"


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))


def snapshot(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "log.txt"}


def refusal(folder):
    before = snapshot(folder)
    with pytest.raises(ScansearchError) as caught:
        resume(folder)
    assert "\n" not in str(caught.value)
    assert snapshot(folder) == before
    return str(caught.value)


CHANGES = {
    "seed": ("seed = 0", "seed = 1"),
    "train.lr": ("lr = 0.024", "lr = 0.03"),
    "train.batch_size": ("batch_size = 32", "batch_size = 16"),
    "data.limit": ("\nlimit = 96", "\nlimit = 64"),
    "augment.shift": ("shift = 0.125", "shift = 0.25"),
    "space.keep": ("keep = 4", "keep = 3"),
    "strategy.entropy": ("\nentropy = 0.0", "\nentropy = 0.5"),
    "model.depth": ("depth = 2", "depth = 3"),
    "strategy.name": ('name = "darts"', 'name = "sigmoid"'),
    "model.name": ('name = "local_vim_nano"', 'name = "local_vim_micro"'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_was_edited_is_refused_by_its_name(run, name):
    old, new = CHANGES[name]
    edit(run / "config.toml", old, new)
    line = refusal(run)
    told, made = (part.strip().partition(" = ")[2] for part in (new, old))
    assert f"config.toml says {name} = {told}, but the checkpoint was made with {name} = {made}; restore it" in line


def test_several_are_named_and_the_others_counted(stopped):
    for name in ("seed", "train.lr", "space.keep", "augment.shift"):
        edit(stopped / "config.toml", *CHANGES[name])
    line = refusal(stopped)
    assert "says seed = 1 and train.lr = 0.03 and augment.shift = 0.25, but" in line
    assert "(and 1 more differ)" in line


def test_where_and_how_fast_may_change(stopped, tiny, tmp_path):
    edit(stopped / "config.toml", "checkpoint_steps = 2", "checkpoint_steps = 4")
    edit(stopped / "config.toml", 'accelerator = "auto"', 'accelerator = "cpu"')
    edit(stopped / "config.toml", 'scan_backend = "torch"', 'scan_backend = "reference"')
    edit(stopped / "config.toml", "threads = 0", "threads = 3")
    edit(stopped / "config.toml", 'precision = "auto"', 'precision = "bf16"')
    heard = []
    resume(stopped, type("Heard", (Silent,), {"warned": lambda self, message: heard.append(message)})())
    assert any("threads changed" in line and "-> 3; the run continues, but not bit for bit" in line for line in heard)
    assert any("precision changed since the run began: 32-true -> bf16-mixed" in line for line in heard)
    assert any("scan backend changed since the run began: torch -> reference" in line for line in heard)
    assert (stopped / "genotype.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"scan_backend": "torch"', '"scan_backend": "cpu"', 'scan_backend = "cpu", but the checkpoint was made with'),
        ('"fingerprint": "', '"fingerprint": "0000', 'says data = {"fingerprint": "0000'),
        ('"threads": ', '"threads": 1', "says threads = 1"),
        ('"torch": "', '"torch": "9', "says versions = "),
        ('"threads": ', '"threads": 1.5, "was": ', "threads: input should be a valid integer, got 1.5"),
        ('"threads": ', '"threads": 99999999999999999999, "was": ', "an integer has at most 64 bits"),
        ('"device": "cpu"', '"device": []', "device: input should be a valid string, got []"),
        ('"device": "cpu",', "", "device: field required"),
    ],
)
def test_an_edited_environment_is_refused(run, old, new, says):
    edit(run / "environment.json", old, new)
    assert says in refusal(run)


def test_a_checkpoint_of_another_run_is_refused(runs, stopped):
    for old in checkpoints(stopped / "checkpoints"):
        old.unlink()
    for path in checkpoints(runs / "other" / "checkpoints"):
        shutil.copy(path, stopped / "checkpoints")
    assert "config.toml says seed = 0, but the checkpoint was made with seed = 1" in refusal(stopped)


def test_a_genotype_of_another_run_is_refused(runs, stopped):
    shutil.copy(runs / "finished" / "genotype.json", stopped)
    assert "genotype.json says epochs = 1, but the run that made it has epochs = 3" in refusal(stopped)
    edit(stopped / "genotype.json", '"seed": 0', '"seed": 7')
    assert (
        "genotype.json says seed = 7 and epochs = 1, but the run that made it has seed = 0 and epochs = 3"
        in refusal(stopped)
    )


def test_without_a_checkpoint_nothing_was_made_yet(stopped):
    shutil.rmtree(stopped / "checkpoints")
    for path in stopped.glob("*.csv"):
        path.unlink()
    edit(stopped / "config.toml", *CHANGES["seed"])
    assert json.loads(resume(stopped).to_json())["search"]["seed"] == 1


def test_rows_without_a_checkpoint_are_not_thrown_away(stopped):
    shutil.rmtree(stopped / "checkpoints")
    assert "layers.csv has rows, but there is no checkpoint" in refusal(stopped) or "metrics.csv" in refusal(stopped)


def test_a_finished_run_needs_no_checkpoints(runs, tmp_path):
    shutil.copytree(runs / "finished", tmp_path / "run")
    expected = resume(tmp_path / "run")
    newest, *_ = checkpoints(tmp_path / "run" / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-9])
    assert resume(tmp_path / "run") == expected
    assert f"checkpoint {newest.name} is damaged" in (tmp_path / "run" / "log.txt").read_text()
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert resume(tmp_path / "run") == expected


def test_a_defaults_line_may_go_and_comments_may_come(stopped):
    edit(stopped / "config.toml", "momentum = 0.9\n", "# nothing of mine\n")
    resume(stopped)


def test_the_words_of_a_refusal_stay_short(stopped):
    edit(stopped / "config.toml", 'name = "default8"', f'name = "{"x" * 5000}"')
    with pytest.raises(RunFolderError) as caught:
        resume(stopped)
    assert len(str(caught.value)) < 600
