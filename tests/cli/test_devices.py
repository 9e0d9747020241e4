"""Several processes for one run: the numbers of one process, however they are started."""

import csv
import json

import pytest
from several_processes import SEARCH, begin, contents, ended, rows, search

TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]


def check_near(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    assert len(one) == len(other) > 0
    for here, there in zip(one, other, strict=True):
        assert here["train_loss"] == pytest.approx(there["train_loss"], rel=2e-6)
        assert here == pytest.approx(there, rel=1e-3, abs=1e-6, nan_ok=True)


@pytest.fixture(scope="module")
def single(call, tmp_path_factory):
    """The same in one process, which is this one."""
    folder = tmp_path_factory.mktemp("single")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("scansearch.finish._draw_all", lambda *arguments: None)
        result = call(*SEARCH)
    assert (result.status, result.err) == (0, "")
    return folder


def test_two_processes_learn_what_one_does(undisturbed, single):
    check_near(rows(undisturbed), rows(single))
    environment = json.loads((undisturbed / "run" / "environment.json").read_text())
    assert environment["processes"] == 2
    files = [
        sorted(str(path.relative_to(folder)) for path in folder.rglob("run/*")) for folder in (undisturbed, single)
    ]
    assert files[0] == files[1]


@pytest.mark.slow
def test_augmented_batches_and_evolution_too(tmp_path):
    """Random numbers of a batch do not depend on the number of processes; nor does what is judged by training."""
    more = [
        "--set",
        "flip=0.5",
        "--set",
        "shift=0.2",
        "--set",
        "mixup=0.5",
        "--set",
        "cutmix=0.5",
        "--set",
        "erase=0.3",
    ]
    judged = ["--strategy", "random_search", "--set", "judge=training", "--set", "judge_epochs=1", "--set", "samples=3"]
    for name, arguments in {"augmented": more, "judged": judged}.items():
        folders = [tmp_path / f"{name}-{devices}" for devices in (1, 2)]
        for devices, folder in enumerate(folders, start=1):
            folder.mkdir()
            assert search(folder, *SEARCH, *arguments, "--devices", str(devices)) == ""
        if name == "augmented":
            check_near(*map(rows, folders))
        else:
            assert (folders[0] / "run/genotypes.csv").read_text() == (folders[1] / "run/genotypes.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 3])
def test_another_number_of_processes_goes_on_and_says_so(tmp_path, undisturbed, devices):
    code = "from scansearch.training.interrupt import StopRequest\nStopRequest.asked = lambda self, *a: bool(self.requested)\n"
    stop = f"{code}\nimport scansearch.searching.loop as loop\nsave = loop.SearchLoop.save\n" + (
        "def saves(self):\n    save(self)\n    if self.step == 8: os.kill(os.getpid(), signal.SIGKILL)\nloop.SearchLoop.save = saves"
    )
    size = ["--batch-size", "24"]
    search(tmp_path, *SEARCH, *size, "--devices", "2", status=1, code=stop)
    process = begin(tmp_path, "resume", "run", "--devices", str(devices))
    shown, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "processes changed since the run began: 2 -> " in " ".join((shown + errors).split())
    assert len(rows(tmp_path)) == 3


def test_batches_that_cannot_be_shared_are_refused_before_anything_is_written(refused, tiny, here):
    line = refused(*tiny, "--devices", "3", "--out", "run")
    assert line.startswith(
        "3 processes share each batch, so its size must be a multiple of 3, but got 32; change batch_size, or devices"
    )
    assert not list(here.iterdir())


def test_a_dry_run_needs_no_processes(call, tiny, here):
    result = call(*tiny, "--devices", "2", "--dry-run")
    assert result.status == 0
    assert "devices = 2" in result.out


@pytest.mark.slow
def test_fewer_images_than_processes_are_evaluated(tmp_path):
    judged_by_one = ["--strategy", "random_search", "--set", "images=1", "--set", "samples=4", "--set", "finalists=2"]
    assert search(tmp_path, *SEARCH, *judged_by_one, "--devices", "2") == ""
    with (tmp_path / "run" / "genotypes.csv").open() as file:
        assert len(list(csv.DictReader(file))) >= 2


@pytest.mark.slow
def test_a_study_in_a_storage_is_for_one_process(tmp_path):
    more = ["--strategy", "optuna_search", "--set", "storage=study.log", "--devices", "2"]
    assert "is shared by searches of one process each" in search(tmp_path, *SEARCH, *more, status=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_torchrun_is_the_same(tmp_path, undisturbed):
    process = begin(tmp_path, *SEARCH, python=(*TORCHRUN, "--standalone", "-m", "scansearch"))
    ended(process, 0)
    assert contents(tmp_path) == contents(undisturbed)


@pytest.mark.slow
def test_under_torchrun_a_run_gets_a_name_of_its_own(tmp_path):
    place = SEARCH.index("--out")
    arguments = [*SEARCH[:place], *SEARCH[place + 2 :]]
    process = begin(tmp_path, *arguments, python=(*TORCHRUN, "--standalone", "-m", "scansearch"))
    ended(process, 0)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["default8-darts-digits"]


@pytest.mark.slow
def test_a_script_under_torchrun(tmp_path, undisturbed):
    (tmp_path / "script.py").write_text(
        "import scansearch\n"
        "more = dict(model='local_vim_nano', epochs=3, batch_size=16, limit=96, validation_limit=33, patch_size=2, depth=2)\n"
        "more |= dict(scan_backend='torch', accelerator='cpu', checkpoint_steps=4)\n"
        "found = [scansearch.search(name, devices=2, **more) for name in ('run', 'again')]\n"
        "assert found[0].directions == found[1].directions\n"
        "assert scansearch.resume('run').directions == found[0].directions\n"
    )
    ended(begin(tmp_path, python=(*TORCHRUN, "--standalone", "script.py")), 0)
    assert contents(tmp_path) == contents(undisturbed)
    assert (tmp_path / "again" / "genotype.json").exists()
