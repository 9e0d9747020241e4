"""After the genotype: exports, figures, words. What fails costs itself and no more; the folder is the same from Python."""

import errno
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

import scansearch
from scansearch.export.exporter import Exporter
from scansearch.files import write_bytes
from scansearch.finish import finish
from scansearch.genotype import Genotype
from scansearch.registry import EXPORTERS
from scansearch.searching.assemble import start
from scansearch.searching.configure import make_config
from scansearch.space import find_space
from scansearch.training.events import Silent

RUN = {
    "model": "local_vim_nano", "epochs": 1, "batch_size": 32, "limit": 64, "depth": 1, "patch_size": 2, "scan_backend": "torch",
    "attention": "channel", "windows": "padded",  # as LocalMamba's code has them
}  # fmt: skip
EXPORTED = {"export/scansearch_local_vim_nano_a_run.py"}
FIGURES = {f"figures/{name}.{kind}" for name in ("alpha", "curves", "heatmap") for kind in ("png", "svg")}


def made(folder):
    """The files that come after the genotype; the exported ones as of a folder ``a run``, whose name they bear."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    found = {re.sub(rf"_{folder.name}\.py$", "_a_run.py", name) for name in found}
    return {name for name in found if name.startswith(("export/", "figures/"))}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A run whose search is done, and nothing after it."""
    settings = {**RUN}
    config = make_config(
        space=find_space("default8"), strategy="darts", model=settings.pop("model"), data="digits", settings=settings
    )
    folder = tmp_path_factory.mktemp("searched") / "run"
    return folder, start(config, folder)


@pytest.fixture
def run(searched, tmp_path):
    """A copy of it, and its genotype."""
    shutil.copytree(searched[0], tmp_path / "a run")
    return tmp_path / "a run", searched[1]


@pytest.fixture
def sketches(monkeypatch):
    """Figures without the work: empty files of their names."""

    def render(source, folder, names):
        paths = [folder / f"{name}.{kind}" for name in names for kind in ("png", "svg")]
        for path in paths:
            write_bytes(path, b"")
        return paths

    monkeypatch.setattr("scansearch.figures.render.render", render)


def test_exports_and_figures(run):
    done = finish(*run)
    assert made(run[0]) == EXPORTED | FIGURES == {path.relative_to(run[0]).as_posix() for path in done.files}
    assert [path.parent.name for path in done.files] == ["export"] + ["figures"] * 6  # exports come first
    assert not done.failures


def test_a_figure_that_fails_costs_itself(run, sketches, monkeypatch):
    import scansearch.figures.render

    def render(source, folder, names, real=scansearch.figures.render.render):
        if names == ["alpha"]:
            raise ValueError("no such\nbackend")
        return real(source, folder, names)

    monkeypatch.setattr("scansearch.figures.render.render", render)
    done = finish(*run)
    assert done.failures == [
        f"drawing failed (alpha: ValueError: no such backend); `scansearch plot '{run[0]}'` does it again"
    ]
    assert made(run[0]) == (EXPORTED | FIGURES) - {"figures/alpha.png", "figures/alpha.svg"}
    assert "warning: drawing failed" in (run[0] / "log.txt").read_text()


def test_an_exporter_that_fails_costs_itself(run, sketches):
    EXPORTERS.register("broken", Exporter("broken", "fails", lambda genotype, folder: [][0]))
    try:
        done = finish(*run)
    finally:
        EXPORTERS.unregister("broken")
    (line,) = done.failures
    assert line.startswith("the export to broken failed (IndexError: list index out of range); `scansearch export ")
    assert line.endswith(" --to broken` does it again")
    assert made(run[0]) == EXPORTED | FIGURES


def test_a_full_disk_is_told_and_ends_nothing(run, sketches, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    done = finish(*run)
    assert [line.partition(" failed (")[0] for line in done.failures] == ["the export to localmamba", "drawing"]
    assert all("no space left on device" in line and "\n" not in line for line in done.failures)
    assert not made(run[0])


def test_scores_without_measure(run):
    folder, genotype = run
    data = genotype.model_dump(mode="json", by_alias=True)
    for layer in data["layers"]:
        layer["scores"] = dict.fromkeys(layer["scores"], 1e308)
        layer["margin"] = -1e308
    done = finish(folder, Genotype.from_dict(data))
    assert made(folder) >= EXPORTED
    assert all("\n" not in line for line in done.failures)


def test_nothing_of_an_earlier_result_stays(run, sketches):
    folder, genotype = run
    finish(folder, genotype)
    (folder / "figures" / "front.png").write_bytes(b"old")
    other = genotype.model_copy(update={"model": "somebody's own"})
    other.save(folder / "genotype.json")
    done = finish(folder, other)
    assert made(folder) == FIGURES
    assert "no files for localmamba: LocalMamba's code has LocalVim and LocalVMamba, and the model" in done.notes[0]
    gone = [note.removesuffix(" was of an earlier result and is gone") for note in done.notes[1:]]
    assert gone == [str(folder / name) for name in (*sorted(EXPORTED), "figures/front.png")]


def test_a_search_from_python_leaves_the_same_files(tmp_path, run, sketches, monkeypatch, recwarn):
    finish(*run)
    scansearch.search(tmp_path / "python" / "a run", **RUN)
    assert made(tmp_path / "python" / "a run") == made(run[0])
    for name in EXPORTED:
        assert (tmp_path / "python" / "a run" / name).read_bytes() == (run[0] / name).read_bytes()
    assert not [warning for warning in recwarn if warning.category is UserWarning]
    (tmp_path / "python" / "a run" / "figures" / "heatmap.svg").unlink()
    monkeypatch.setattr("scansearch.figures.render.render", lambda *arguments: 1 / 0)
    with pytest.warns(UserWarning, match="drawing failed .*; `scansearch plot .*python/a run.*` does it again"):
        assert scansearch.resume(tmp_path / "python" / "a run").model == "local_vim_nano"


class Handle:
    """What IPython's display gives back."""

    drawings = 0

    def update(self, shown):
        assert "epoch 1/1" in shown._repr_mimebundle_([], [])["text/plain"]
        Handle.drawings += 1


@pytest.fixture
def notebook(monkeypatch, sketches):
    """As in the kernel of a notebook."""
    texts = []

    def show(*things, display_id=False, **more):
        texts.extend(thing._repr_mimebundle_([], [])["text/plain"] for thing in things)
        return Handle() if display_id else None

    display = SimpleNamespace(display=show)
    ipython = SimpleNamespace(get_ipython=lambda: object(), display=display, version_info=(9, 0))
    for name, module in {"ipykernel": SimpleNamespace(), "IPython": ipython, "IPython.display": display}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Handle, "drawings", 0)
    return texts


class Counting(Silent):
    steps = 0

    def stepped(self, progress):
        self.steps += 1


def test_a_notebook_shows_a_bar_and_a_line_an_epoch(notebook, tmp_path, capsys):
    scansearch.search(tmp_path / "run", **RUN)
    text = "".join(notebook)
    assert "1 layers, each keeps" in text
    assert "epoch  train loss" in text
    assert Handle.drawings >= 1
    assert capsys.readouterr().out == ""


def test_who_is_told(notebook, tmp_path):
    listener = Counting()
    scansearch.search(tmp_path / "own", listener=listener, **RUN)
    scansearch.search(tmp_path / "silent", progress=False, **RUN)
    assert listener.steps == 2
    assert not notebook


def test_progress_outside_of_a_notebook_is_asked_for(tmp_path, sketches, capsys):
    scansearch.search(tmp_path / "quiet", **RUN)
    assert capsys.readouterr().out == ""
    scansearch.search(tmp_path / "shown", progress=True, **RUN)
    assert "epoch  train loss" in capsys.readouterr().out


WORDS = [f"--set={name}={value}" for name, value in RUN.items() if name not in ("model", "epochs", "batch_size")]
COMMAND = ["run", "--model", "local_vim_nano", "--epochs", "1", "--batch-size", "32", *WORDS, "--out", "run"]
SHOWN_NOWHERE = {
    "a notebook's backend": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "a terminal without symbols": {"LC_ALL": "C", "PYTHONUTF8": "0"},
    "another": {"PYTHONIOENCODING": "ascii"},
}


def command(folder, environment, stdout, arguments=COMMAND):
    return subprocess.run(
        [sys.executable, "-m", "scansearch", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )


def test_a_run_that_can_be_shown_nowhere(tmp_path):
    """Everything at once: no symbols, no reader, and a backend of somebody else's."""
    environment = {name: value for more in SHOWN_NOWHERE.values() for name, value in more.items()}
    reader, writer = os.pipe()
    os.close(reader)
    done = command(tmp_path, environment, writer)
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "run") >= EXPORTED
    assert (tmp_path / "run" / "figures" / "heatmap.png").is_file()
    (unread,) = done.stderr.decode().splitlines()
    assert unread.startswith("note: nobody read the result; `")
    assert unread.endswith("scansearch resume run` shows it again")


@pytest.mark.slow
@pytest.mark.parametrize("environment", SHOWN_NOWHERE.values(), ids=SHOWN_NOWHERE)
def test_a_run_is_shown_anywhere(tmp_path, environment):
    done = command(tmp_path, environment, subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert b"next: train the network" in done.stdout
    assert (tmp_path / "run" / "figures" / "heatmap.png").is_file()
    assert made(tmp_path / "run") >= EXPORTED
    assert done.stdout.isascii() or "MPLBACKEND" in environment


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_run_whose_words_have_no_room(tmp_path):
    with open("/dev/full", "wb") as full:
        done = command(tmp_path, {}, full)
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "run") == EXPORTED | FIGURES
    lines = done.stderr.decode().splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "note: showing the result failed",
        "note: the progress could not be shown",
    ]
    assert all("No space left on device" in line for line in lines)
