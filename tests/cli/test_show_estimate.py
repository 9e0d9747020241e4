"""``scansearch estimate`` and ``scansearch run --dry-run`` tell what a search would be, and do nothing."""

import json

import optuna
import pytest

import scansearch
from scansearch.documents import parse_toml
from scansearch.runs.run import Run
from scansearch.runs.tables import METRICS
from scansearch.searching.overrides import SECTIONS


def test_it_tells_the_search_that_follows(call, tiny, finished, here):
    facts = json.loads(call(*tiny, "--dry-run", "--json", "--out", "run").out)
    assert not list(here.iterdir())
    run = Run.open(finished.path)
    assert facts["settings"] == run.config.model_dump(mode="json", exclude_none=True)
    assert set(SECTIONS) < set(facts["settings"])
    assert facts["work"]["steps"] == run.rows(METRICS)[-1].step
    assert facts["space"]["genotypes"] > 1
    memory = facts["memory"]
    assert memory["optimizer"] == 2 * memory["weights"] == 8 * memory["parameters"]
    assert memory["tensors"] + memory["process"] < memory["peak"] < memory["available"]
    assert memory["mixture"] == run.environment["mixture"] == "keep"
    assert memory["reason"] == run.environment["mixture_reason"]
    assert memory["advice"] is None
    time = facts["time"]
    assert 1 <= time["measured_steps"] <= 5
    assert time["seconds"] == pytest.approx(time["seconds_per_step"] * facts["work"]["steps"], rel=0.01)


def test_its_settings_are_readable_and_what_it_would_be_follows(call, tiny, here):
    result = call(*tiny, "--strategy", "evolution", "--set", "cycles=7", "--dry-run")
    settings, told = result.out.split("\nimages: ")
    assert parse_toml(settings)["strategy"]["cycles"] == 7
    for said in (
        "after a first one; so the updates take about ",
        "; evaluation after each epoch, judging and figures come on top",
        "genotypes; 2 layers",
        "2 epochs of 3 steps: 6 updates of the weights, 107 genotypes judged",
        "nothing was written",
    ):
        assert said in told
    assert not list(here.iterdir())


def test_a_number_of_genotypes_beyond_64_bits_is_told_in_words(call, tiny, here):
    facts = json.loads(call(*tiny, "--space", "wide32", "--set", "depth=5", "--dry-run", "--json").out)
    assert "e+" in facts["space"]["genotypes"]


def test_networks_that_are_trained_alone_need_no_steps(call, tiny, here):
    result = call(*tiny, "--strategy", "random_search", "--set", "judge=training", "--dry-run")
    assert "no supernet is trained, 100 genotypes judged at most" in result.out
    assert "time: not known before the run: how long networks train from scratch is not measured" in result.out


def test_a_study_that_others_share_is_not_touched(call, tiny, here):
    result = call(*tiny, "--strategy", "optuna_search", "--set", "storage=study.log", "--dry-run")
    assert 'storage = "' in result.out
    assert not list(here.iterdir())


def test_what_would_keep_it_from_starting_is_said(refused, tiny, here):
    assert "patch" in refused(*tiny, "--dry-run", "--set", "patch_size=3")
    assert "--json shows a search that is not done; add --dry-run" in refused(*tiny, "--json")
    assert "must be a multiple of 2, but got 33" in refused(*tiny, "--dry-run", "--devices", "2", "--batch-size", "33")
    assert "must be a multiple of 2, but got 33" in refused(
        *tiny, "--dry-run", "--devices", "2", "--batch-size", "64", "--set", "limit=33"
    )
    shared = ("--strategy", "optuna_search", "--set", "storage=study.log", "--devices", "2")
    assert "is shared by searches of one process each, but this one has 2" in refused(*tiny, "--dry-run", *shared)


def occupy(here):
    """What stands in the way of a search, in a folder."""
    (here / "file").write_text("a text\n")
    (here / "letters").mkdir()
    (here / "letters" / "mother.txt").write_text("dear")
    (here / "dangling").symlink_to("nowhere")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    backend = optuna.storages.journal.JournalFileBackend(str(here / "other.log"))
    for storage in (f"sqlite:///{here}/other.db", optuna.storages.JournalStorage(backend)):
        made = optuna.create_study(storage=storage, study_name="scansearch", direction="maximize")
        made.set_user_attr("setup", {"seed": 9})
        optuna.create_study(storage=storage, study_name="mine", direction="minimize")


REFUSED = {
    "a folder with something": ("--out letters", "a run needs a new or empty folder"),
    "a file": ("--out file", "a run needs a new or empty folder"),
    "below a file": ("--out file/run", "cannot write file/run: not a directory"),
    "a link to nowhere": ("--out dangling", "cannot write dangling: "),
    "an unknown database": ("storage=nope://x", "the study cannot be kept in 'nope://x': Can't load plugin"),
    "a missing driver": ("storage=postgresql://localhost/x", "the study cannot be kept in 'postgresql://localhost/x'"),
    "a database in no folder": (
        "storage=sqlite:////nowhere/x.db",
        "the study cannot be kept in 'sqlite:////nowhere/x.db'",
    ),
    "a journal in no folder": ("storage=/nowhere/x.log", "the study cannot be kept in '/nowhere/x.log'"),
    "no journal": ("storage=file", "file is not a journal of Optuna"),
    "no database": ("storage=sqlite:///file", "file is not a database"),
    "a study of others": ("storage=sqlite:///other.db", "belongs to a search with another"),
    "the same in a journal": ("storage=other.log", "belongs to a search with another"),
    "other objectives": ("storage=sqlite:///other.db --set study=mine", "it has the objectives ['minimize'], but this"),
    "the same in a journal too": ("storage=other.log --set study=mine", "it has the objectives ['minimize'], but this"),
}


@pytest.mark.parametrize(("arguments", "says"), REFUSED.values(), ids=REFUSED)
def test_it_refuses_what_the_run_refuses_and_touches_nothing(refused, tiny, here, arguments, says):
    occupy(here)
    told = arguments if arguments.startswith("--") else f"--strategy optuna_search --out run --set {arguments}"
    before = snapshot(here)
    assert says in refused(*tiny, *told.split(), "--dry-run")
    assert snapshot(here) == before
    assert says in refused(*tiny, *told.split())


def test_it_refuses_a_folder_that_holds_a_run_or_cannot_be_written(refused, tiny, finished, here, monkeypatch):
    before = snapshot(finished.path)
    assert "holds a run already; continue it with" in refused(*tiny, "--out", finished.path, "--dry-run")
    assert snapshot(finished.path) == before
    monkeypatch.setattr("os.access", lambda path, mode: False)  # chmod does not keep root out
    assert "cannot write a/run: permission denied" in refused(*tiny, "--out", "a/run", "--dry-run")
    assert not list(here.iterdir())


def snapshot(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("storage", ["sqlite:///study.db", "study.log"])
def test_a_study_that_goes_on_is_read_and_not_written(call, tiny, here, storage):
    told = ["--strategy", "optuna_search", "--set", f"storage={storage}", "--set", "trials=2", "--epochs", 1]
    assert call(*tiny, *told, "--out", "one").status == 0
    before = snapshot(here)
    assert call(*tiny, *told, "--out", "two", "--dry-run").status == 0
    assert snapshot(here) == before


def estimate_of(arguments):
    return ["estimate", *arguments[1:]]


def test_an_estimate_is_that_of_the_dry_run_and_needs_no_folder(call, tiny, here):
    facts, dry = (json.loads(call(*arguments, "--json").out) for arguments in (estimate_of(tiny), [*tiny, "--dry-run"]))
    for name in ("settings", "images", "space", "work"):
        assert facts[name] == dry[name]
    assert facts["memory"]["tensors"] == pytest.approx(dry["memory"]["tensors"], rel=0.02)
    told = call(*estimate_of(tiny)).out
    assert told.startswith("images: ")
    assert " MB at the peak of " in told
    assert "mixture=keep (is the fastest way that fits: at most about " in told
    assert not list(here.iterdir())


def test_python_says_the_same(here):
    options = {"limit": 96, "patch_size": 2, "depth": 1, "batch_size": 32, "epochs": 1}
    facts = scansearch.estimate(model="local_vim_nano", **options)
    assert facts["work"]["steps"] == 3
    assert facts["memory"]["peak"] > facts["memory"]["tensors"] > 4 * facts["memory"]["parameters"]


@pytest.fixture
def little(monkeypatch):
    """As if the machine had half a gigabyte and a process needed none."""
    for name, size in (("device_memory", lambda device: 4 << 20), ("PROCESS", 0), ("PIECES", 0), ("AFTER", 0)):
        monkeypatch.setattr(f"scansearch.searching.memory_fit.{name}", size)
    for name, value in (("resident_memory", lambda: 0), ("AFTER", 0)):
        monkeypatch.setattr(f"scansearch.searching.search_estimate.{name}", value)
    monkeypatch.setattr("scansearch.searching.assemble.check_fits", lambda *arguments: None)


def test_what_does_not_fit_is_told_by_an_estimate_and_refused_by_a_run(call, refused, tiny, here, little):
    told = [*tiny, "--set", "mixture=keep", "--set", "scan_backend=cpu"]
    result = call(*estimate_of(told))
    assert result.status == 0
    assert "out of memory: this search needs about " in result.err
    assert "but the cpu has 0.0039 GB; use --set mixture=" in result.err
    assert json.loads(call(*estimate_of(told), "--json").out)["memory"]["fails"] is True
    dry = call(*told, "--dry-run")
    assert dry.status == 2
    assert "error: this search needs about " in dry.err
    assert "but the cpu has 0.0039 GB; use --set mixture=" in refused(*told)
    assert not list(here.iterdir())


def test_where_not_even_two_images_fit_it_is_told_without_trying(call, tiny, here, little, monkeypatch):
    monkeypatch.setattr("scansearch.searching.memory_fit.device_memory", lambda device: 1 << 18)
    result = call(*estimate_of(tiny))
    assert result.status == 0
    assert "and even a batch of 1 does not fit; take a smaller model" in result.err
    assert "time: not known before the run: not even a step of a few images fits into memory" in result.out
