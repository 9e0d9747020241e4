import os
import shlex
from types import SimpleNamespace

import pytest
from advice import foreign_options
from several_processes import NO_FIGURES, SEARCH, search
from typer.testing import CliRunner

from scansearch.cli.main import app
from scansearch.genotype import Genotype

# Two workers with two OpenMP threads each on two cores wait for each other far longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TINY = shlex.split(
    "run --model local_vim_nano --epochs 2 --batch-size 32 --set limit=96 --set patch_size=2 --set depth=2 "
    "--set scan_backend=torch --set attention=channel --set windows=padded"  # the latter as LocalMamba's code has them
)

FEW_IMAGES = shlex.split("--batch-size 16 --set limit=64 --set validation_limit=20 --set scan_backend=torch")


def run_here(*arguments):
    """Runs a command in this process; its lines name no option that it does not have."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if arguments:
        assert foreign_options(str(arguments[0]), result.stderr) == set(), result.stderr
    return SimpleNamespace(status=result.exit_code, out=result.stdout, err=result.stderr)


@pytest.fixture(scope="session")
def call():
    """``call("spaces", "--json")`` gives ``status``, ``out`` and ``err``."""
    return run_here


@pytest.fixture(scope="module")
def no_figures():
    """Results are drawn elsewhere; here it takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scansearch.finish._draw_all", lambda *arguments: None)
        yield


@pytest.fixture(scope="session")
def train_two_layers(call):
    """``train_two_layers(folder, epochs)`` trains a genotype of two layers in a second or two; returns its run folder."""

    def train(folder, epochs, **options):
        genotype = Genotype.from_directions(
            [["h", "v"], ["w2", "v"]],
            model="local_vim_nano",
            options={"depth": 2, "patch_size": 2, **options},
            space={"name": "four", "candidates": ["h", "v", "v_flip", "w2"], "keep": 2},
        )
        genotype.save(folder / "mine.json")
        result = call(
            "train", "--genotype", folder / "mine.json", "--epochs", epochs, *FEW_IMAGES, "--out", folder / "run"
        )
        assert result.status == 0, result.err
        return folder / "run"

    return train


@pytest.fixture(scope="session")
def tiny():
    """Arguments of a search that takes about a second."""
    return TINY


@pytest.fixture
def refused():
    """``refused("run", ...)`` gives the one line that a command with bad input leaves on standard error."""

    def check(*arguments, status=2):
        result = run_here(*arguments)
        assert result.status == status, result
        assert result.err.count("\n") == 1, result.err
        assert result.err.startswith("stopped" if status == 130 else "error: ")
        return result.err.removeprefix("error: ")

    return check


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run, shared: look, do not change."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    result = run_here(*TINY, "--out", folder)
    assert result.status == 0, result.err
    return SimpleNamespace(path=folder, out=result.out)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A search of two processes, shared: look, do not change."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert search(folder, *SEARCH, "--devices", "2", code=NO_FIGURES) == ""
    return folder
