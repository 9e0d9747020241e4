"""What goes wrong around a run: its folder, its checkpoints, the disk, the loss, a backend, Ctrl-C."""

import errno
import os
import shutil
import signal
import subprocess
import sys

import pytest

from scansearch.cli.main import main
from scansearch.display.progress import RichListener
from scansearch.runs.folder import RunFolder
from scansearch.searching.loop import SearchLoop
from scansearch.training.weights import Weights

TABLES = ("metrics.csv", "layers.csv", "scores.csv")


@pytest.fixture(scope="module")
def stopped(call, tiny, tmp_path_factory):
    """A run that Ctrl-C stopped after its fourth step, and what the command said."""

    def stepped(self, progress):
        if progress.step == 4:
            signal.raise_signal(signal.SIGINT)

    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(RichListener, "stepped", stepped)
        return folder / "run", call(*tiny, "--out", "run", "--set", "checkpoint_steps=1")


@pytest.fixture
def interrupted(stopped, here):
    """A copy of the stopped run, as ``run`` in the working directory."""
    shutil.copytree(stopped[0], here / "run")
    return here / "run", stopped[1]


def tables(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "log.txt"}


def test_ctrl_c_ends_with_130_and_the_command_that_goes_on(call, interrupted, finished):
    folder, result = interrupted
    assert result.status == 130
    assert result.err.count("\n") == 1
    assert result.err.startswith("stopped by SIGINT after step 4 of 6; nothing is lost")
    assert "`scansearch resume run`" in result.err
    assert call("resume", "run").status == 0
    assert tables(folder) == tables(finished.path)


def test_ctrl_c_while_the_figures_are_drawn(refused, tiny, here, monkeypatch):
    def drawing(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("scansearch.figures.render.render", drawing)
    assert "`scansearch resume run`" in refused(*tiny, "--epochs", 1, "--out", "run", status=130)
    assert (here / "run" / "genotype.json").exists()


def test_ctrl_c_before_anything(refused, tiny, here, monkeypatch):
    def loading(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("scansearch.searching.assemble.assemble", loading)
    assert "nothing is lost" in refused(*tiny, "--out", "run", status=130)
    assert not list(here.iterdir())


def test_run_folder_that_holds_a_run(refused, tiny, finished):
    before = snapshot(finished.path)
    assert "holds a run already; continue it with `scansearch resume" in refused(*tiny, "--out", finished.path)
    assert snapshot(finished.path) == before


def test_run_folder_that_holds_something_else(refused, tiny, here):
    (here / "letters").mkdir()
    (here / "letters" / "mother.txt").write_text("dear")
    assert "a run needs a new or empty folder" in refused(*tiny, "--out", "letters")
    assert "a run needs a new or empty folder" in refused(*tiny, "--out", "letters/mother.txt")
    assert [path.name for path in (here / "letters").iterdir()] == ["mother.txt"]


def test_start_that_was_killed_before_the_run_began_can_be_repeated(call, tiny, here):
    (here / "run").mkdir()
    for name in (".lock", "environment.json", ".config.toml.scansearch-abc123_x.tmp"):
        (here / "run" / name).write_text("{}")
    assert call(*tiny, "--epochs", 1, "--out", "run").status == 0
    assert not list((here / "run").glob(".config*"))


def test_run_folder_in_use(refused, interrupted):
    folder, _ = interrupted
    before = snapshot(folder)
    with RunFolder.open(folder).locked():
        assert "run is in use by another process; wait for it" in refused("resume", "run")
    assert snapshot(folder) == before


def test_run_folder_of_another_version(refused, interrupted):
    folder, _ = interrupted
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("scansearch/run/2", "scansearch/run/99"))
    assert "is a run of format 'scansearch/run/99', but this version reads 'scansearch/run/2'" in refused(
        "resume", "run"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", "[train"),
        ("config.toml", 'format = "scansearch/run/2"'),
        ("environment.json", "[]"),
        ("environment.json", "{}"),
        ("environment.json", "{"),
    ],
)
def test_damaged_file_of_a_run(refused, interrupted, name, text):
    folder, _ = interrupted
    (folder / name).write_text(text)
    before = snapshot(folder)
    assert name in refused("resume", "run")
    assert snapshot(folder) == before


def test_checkpoint_of_other_settings(refused, interrupted):
    folder, _ = interrupted
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("depth = 2", "depth = 3"))
    line = refused("resume", "run")
    assert "run/config.toml says model.depth = 3, but the checkpoint was made with model.depth = 2" in line


def test_damaged_checkpoint_falls_back_and_says_so(call, interrupted, finished):
    folder, _ = interrupted
    newest = max((folder / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-50])
    result = call("resume", "run")
    assert result.status == 0
    assert newest.name in result.out.replace("\n", "")
    assert "falling back" in result.out
    assert tables(folder) == tables(finished.path)


def test_all_checkpoints_damaged(refused, interrupted):
    folder, _ = interrupted
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(b"")
    before = snapshot(folder)
    assert "all 2 checkpoints are damaged; remove run, or take another folder, and start the run anew" in refused(
        "resume", "run"
    )
    assert snapshot(folder) == before


def failing(number, after=0):
    def fsync(descriptor, calls=[0]):  # noqa: B006
        calls[0] += 1
        if calls[0] > after:
            raise OSError(number, os.strerror(number))

    return fsync


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("after", [0, 2, 4, 12])
def test_disk_that_refuses_before_the_first_checkpoint_leaves_nothing(refused, tiny, here, monkeypatch, number, after):
    monkeypatch.setattr("os.fsync", failing(number, after))
    line = refused(*tiny, "--out", "deep/er/run")
    remedy = (
        "free some space, then resume the run"
        if number == errno.ENOSPC
        else "make it writable, or choose another folder"
    )
    assert f"{os.strerror(number).lower()}; {remedy}" in line
    assert not list(here.iterdir())


def test_read_only_parent(refused, tiny, here, monkeypatch):
    def mkdir(self, *arguments, **more):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", mkdir)
    assert "cannot write run: read-only file system" in refused(*tiny, "--out", "run")
    assert not list(here.iterdir())


def test_disk_that_fills_up_later_loses_nothing(call, refused, tiny, here, finished, monkeypatch):
    monkeypatch.setattr("os.fsync", failing(errno.ENOSPC, 30))
    assert "no space left on device" in refused(*tiny, "--set", "checkpoint_steps=1", "--out", "run")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert call("resume", "run").status == 0
    assert tables(here / "run") == tables(finished.path)


def test_full_disk_while_plotting(refused, finished, here, monkeypatch):
    monkeypatch.setattr("os.fsync", failing(errno.ENOSPC))
    assert "no space left" in refused("plot", finished.path, "--out", "figures", "--figure", "heatmap").lower()
    monkeypatch.undo()
    assert not [path for path in here.rglob("*") if path.is_file()]


def test_full_disk_while_exporting(refused, here, monkeypatch):
    monkeypatch.setattr("os.fsync", failing(errno.ENOSPC))
    assert "no space left" in refused("export", "local_vim_tiny", "--out", here / "made")
    monkeypatch.undo()
    assert not [path for path in here.rglob("*") if path.is_file()]


def test_loss_that_becomes_nan(refused, tiny, here, monkeypatch):
    steps = []

    def loss(self, logits, targets, real=Weights.loss):
        steps.append(len(steps))
        return real(self, logits, targets) * (float("nan") if steps[-1] == 4 else 1)

    monkeypatch.setattr(Weights, "loss", loss)
    line = refused(*tiny, "--out", "run")
    assert "the loss became nan at step 4; the last good checkpoint is kept in run/checkpoints" in line
    assert "--set lr=0.008" in line  # a third of what suits a width of 16
    assert max((here / "run" / "checkpoints").iterdir()).name.startswith("step-000000003")


def test_weights_that_become_nan_never_reach_a_checkpoint(refused, tiny, here, monkeypatch):
    def step(self, real=SearchLoop._train_step):
        real(self)
        if self.step == 5:
            next(self.supernet.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(SearchLoop, "_train_step", step)
    assert "became nan at step 5" in refused(*tiny, "--set", "checkpoint_steps=1", "--out", "run")
    assert max((here / "run" / "checkpoints").iterdir()).name.startswith("step-000000004")


def process(here, *arguments, code="pass"):
    program = f"import sys; {code}; from scansearch.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=here, capture_output=True, text=True, timeout=120, check=False
    )


def test_numba_missing(here, tiny):
    result = process(here, *tiny, "--set", "scan_backend=cpu", "--out", "run", code="sys.modules['numba'] = None")
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1
    assert "backend 'cpu' cannot run here" in result.stderr
    assert "pip install numba" in result.stderr
    assert not list(here.iterdir())


def test_debug_shows_the_traceback_wherever_it_stands(here):
    for arguments in (["--debug", "spaces", "--nope"], ["--debug", "scans", "nope"], ["scans", "nope", "--debug"]):
        result = process(here, *arguments)
        assert result.returncode == 2
        assert ("Traceback" in result.stderr) == ("scans" in arguments)
        assert result.stderr.splitlines()[-1].startswith("error: ")


def test_defect_is_said_to_be_one(refused, monkeypatch):
    def broken(*arguments):
        raise KeyError("a\nb")

    monkeypatch.setattr("scansearch.cli.scans.parse_grid", broken)
    assert "looks like a defect; --debug shows where" in refused("scans", "w2", status=1)


def test_unreadable_file(refused, monkeypatch, here):
    def denied(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied", "run")

    monkeypatch.setattr("scansearch.runs.run.Run.open", denied)
    assert "Permission denied: 'run'; check the permissions" in refused("resume", "run")


def test_out_of_memory(refused, tiny, here, monkeypatch):
    def greedy(*arguments, **more):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 TB")

    monkeypatch.setattr("scansearch.searching.search_parts.SearchLoop", greedy)
    assert "use smaller batches" in refused(*tiny, "--out", "run")
    assert not list(here.iterdir())


def test_moved_run_resumes(call, interrupted, finished):
    folder, _ = interrupted
    shutil.move(folder, "elsewhere")
    assert call("resume", "elsewhere").status == 0
    assert tables(folder.with_name("elsewhere")) == tables(finished.path)


def test_main_is_the_entry_point(here, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["scansearch", "scans", "w2", "--grid", "2x2"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert "when each token is visited" in capsys.readouterr().out


COMMANDS = {
    "plot": ["plot", "it"],
    "export": ["export", "it"],
    "space": ["spaces", "it.json"],
    "toml": ["spaces", "it.toml"],
    "config": ["run", "--config", "it.toml", "--out", "run"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_what_is_no_file_is_refused_and_not_waited_for(refused, here, command, kind):
    name = next(word for word in command if word.startswith("it"))
    if kind == "a pipe":
        os.mkfifo(here / name)
    elif kind == "a device":
        (here / name).symlink_to("/dev/zero")
    else:
        (here / name).mkdir()
    line = refused(*command)
    assert name in line
    assert any(reason in line for reason in (f"it is {kind}, no file", "holds no"))


def test_an_edited_run_is_refused_with_status_2(refused, interrupted):
    config = interrupted[0] / "config.toml"
    config.write_text(config.read_text().replace("seed = 0", "seed = 1"))
    assert "run/config.toml says seed = 1, but the checkpoint was made with seed = 0" in refused("resume", "run")


def test_a_link_in_a_run_is_refused_with_status_2(refused, interrupted):
    folder, _ = interrupted
    (folder / "figures").symlink_to("/")
    assert "figures must be a folder of the run itself, not a link" in refused("resume", "run")
    assert "figures must be a folder of the run itself, not a link" in refused("plot", "run")
    (folder / "export").symlink_to("/")
    (folder / "genotype.json").write_text('[["h", "v"], ["h", "w2"]]')
    assert "export must be a folder of the run itself, not a link" in refused("export", "run")


@pytest.mark.parametrize(
    "setting", ["lr=1e308", "threads=99999", "image_size=99999", "epochs=9223372036854775808", "depth=1000000000"]
)
def test_numbers_without_sense_are_refused_with_status_2(refused, tiny, here, setting):
    assert setting.partition("=")[0] in refused(*tiny, "--set", setting, "--out", "run")
    assert not list(here.iterdir())


def test_settings_that_together_never_end_are_refused(refused, tiny, here):
    settings = ("--strategy", "single_path", "--set", "generations=100000", "--set", "mutations=100000")
    line = refused(*tiny, *settings, "--out", "run")
    assert "a run has at most 1,000,000 judged genotypes, but these settings make 10,002,500,050; take fewer" in line
    assert not list(here.iterdir())
