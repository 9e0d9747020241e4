"""``scansearch train``, and what follows from it."""

import json
import shlex

import pytest
from several_processes import begin, ended

from scansearch.genotype import Genotype
from scansearch.runs.run import Run
from scansearch.runs.tables import EPOCHS

SHORT = shlex.split(
    "--epochs 2 --batch-size 16 --set limit=64 --set validation_limit=20 --set scan_backend=torch --set drop_path=0 --set ema=0.9"
)

pytestmark = pytest.mark.usefixtures("no_figures")
TINY = ["--genotype", "local_vim_tiny", "--data", "digits"]


@pytest.fixture(scope="module")
def genotype(tmp_path_factory):
    path = tmp_path_factory.mktemp("genotype") / "mine.json"
    options = {"depth": 2, "patch_size": 2}
    Genotype.from_directions([["h", "v"], ["w2", "h_flip"]], model="local_vim_nano", options=options).save(path)
    return path


def test_train_says_what_it_does_and_what_comes_next(call, genotype, here):
    result = call("train", "--genotype", genotype, *SHORT)
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("epoch"))
    assert [line.split()[0] for line in lines[header + 1 : header + 3]] == ["1", "2"]
    assert {len(line) for line in lines[header : header + 3]} == {len(lines[header])}
    assert "2 layers" in result.out
    for name in ("weights.safetensors", "model_card.md"):
        assert f"  {name}" in lines
        assert (here / "runs" / "mine-trained" / name).is_file()
    found: dict = {}
    exec("\n".join(line.strip() for line in lines[lines.index("or load it in Python") + 1 :]), found)
    assert found["network"].candidates == [("h", "v"), ("w2", "h_flip")]
    looked = call("evaluate", "runs/mine-trained", "--size", 12)
    assert (looked.status, looked.err) == (0, "")
    assert "of 270 test images of digits, 8 x 8" in looked.out
    assert "at 12 x 12: top-1" in looked.out
    once = call("evaluate", "runs/mine-trained", "--json", "--size", 6, "--batch-size", 32)
    assert json.loads(once.out)["new"] is False
    assert "`scansearch evaluate runs/mine-trained --size 6 --batch-size 32 --again` does" in once.err
    again = call("resume", "runs/mine-trained")
    assert again.status == 0
    assert "next: what is it worth on test images?" in again.out


def test_a_name_or_a_folder(call, refused, genotype, here):
    assert call("train", "--genotype", genotype, *SHORT, "--epochs", 1, "--name", "final").status == 0
    assert Run.open("runs/final").config.train.epochs == 1
    both = refused("train", "--genotype", genotype, "--name", "a", "--out", "b")
    assert both.startswith("--name and --out both say where")
    assert "may become a file" in refused("train", "--genotype", genotype, "--name", "../a")
    assert "may become a file" in refused("train", "--genotype", genotype, "--name", "")
    assert "holds a run already" in refused("train", "--genotype", genotype, *SHORT, "--name", "final")


def test_a_dry_run_shows_all_settings(call, genotype, here):
    result = call("train", "--genotype", genotype, "--recipe", "imagenet", "--dry-run")
    assert result.status == 0
    assert "rand_augment = 9" in result.out
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--genotype", "nothing"], "is neither a run folder, a genotype file nor a published genotype"),
        (["--genotype", "local_vim_tiny", "--model", "wings"], "unknown model 'wings'"),
        (["--genotype", "local_vim_tiny", "--data", "wings"], "unknown dataset 'wings'"),
        (
            ["--genotype", "local_vim_tiny"],
            "was searched on imagenet-1k, which is no data set here; choose one by --data",
        ),
        ([*TINY, "--recipe", "wings"], "unknown recipe 'wings'"),
        ([*TINY, "--inherit", "wings"], "--inherit takes a run folder or a file of weights"),
        ([*TINY, "--epochs", "0"], "train setting epochs"),
        (
            [*TINY, "--set", "limit=50", "--model", "local_vim_nano"],
            "the genotype has 20 layers, but",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, says, refused, here):
    assert says in refused("train", *arguments)
    assert not list(here.iterdir())


@pytest.mark.slow
def test_two_processes_train_what_one_does(genotype, here):
    for devices in ("1", "2"):
        arguments = ["--set", "accelerator=cpu", "--devices", devices, "--out", f"by{devices}"]
        ended(begin(here, "train", "--genotype", genotype, *SHORT, *arguments), 0)
    tables = [Run.open(here / f"by{devices}").rows(EPOCHS) for devices in (1, 2)]
    for one, other in zip(*tables, strict=True):
        assert one.measure == other.measure
        assert one._replace(measure=0) == pytest.approx(other._replace(measure=0), rel=1e-3)
    python = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "scansearch")
    more = ["--set", "accelerator=cpu", "--out", "torchrun"]
    ended(begin(here, "train", "--genotype", genotype, *SHORT, *more, python=python), 0)
    assert (here / "torchrun" / "weights.safetensors").read_bytes() == (
        here / "by2" / "weights.safetensors"
    ).read_bytes()
