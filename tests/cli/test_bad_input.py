"""Bad input: one line that names the rule, the value and what to do, exit status 2, and nothing left behind."""

import json
import os

import numpy as np
import pytest

from scansearch.genotype import Genotype


@pytest.fixture
def refused_start(refused, tiny, here):
    """A ``run`` that is refused; nothing may be left of it."""

    def check(*arguments, out="run"):
        before = sorted(here.rglob("*"))
        line = refused(*tiny, "--out", out, *arguments)
        assert sorted(here.rglob("*")) == before
        return line

    return check


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--space nope", "unknown search space 'nope'; there is: continuous, decoys12, default8"),
        ("--strategy nope", "unknown strategy 'nope'; there is: binary_gates, darts"),
        ("--model nope", "unknown model 'nope'; there is: local_vim_micro"),
        ("--data nope", "unknown dataset 'nope'; there is: cifar10"),
        ("--preset nope", "'nope'; there is: darts, paper"),
        ("--set nope=1", "unknown setting 'nope'; `scansearch strategies NAME` lists all"),
        ("--set learning_rate=1", "unknown setting 'learning_rate' (did you mean 'lr' or 'min_lr' or 'alpha_lr'?)"),
        (
            "--set train=1",
            "train is a section of settings; set one in it, train.epochs or train.batch_size for example",
        ),
        ("--set rate=1", "unknown setting 'rate'; `scansearch strategies NAME` lists all"),
        ("--set lr=1979-05-27", "--set lr: no date or time is read, but this is 1979-05-27; write text in quotes"),
        ("--set keep=[07:32:00]", "--set keep.0: no date or time is read, but this is 07:32:00"),
        ("--set alpha.lr=1", "unknown setting 'alpha.lr' (did you mean 'alpha_lr'?)"),
        ("--set trian.lr=1", "unknown setting 'trian.lr' (did you mean 'train.lr'?)"),
        ("--set train.epoch=3", "unknown train setting 'epoch' (did you mean 'epochs'?); there is: batch_size"),
        ("--set train.depth=3", "unknown train setting 'depth' (did you mean 'model.depth'?)"),
        ("--epoch 3", "no such option: --epoch (did you mean --epochs?); see `scansearch run --help`"),
        ("--lr 1", "no such option: --lr (did you mean --set lr=VALUE?)"),
        ("--set lr=fast", "train setting lr: input should be a valid number"),
        ("--set depth=two", "depth takes an integer from 1 to 1,000, but got 'two'"),
        ("--set keep=9", "keeps 9 of 8; lower keep or add candidates"),
        ("--set keep=7", "only 6 candidates of space 'default8' differ on its 4 x 4 grid"),
        ("--set patch_size=3", "3 does not divide 8 x 8; choose a patch_size of 1, 2, 4, 8"),
        ("--epochs many", "invalid value for '--epochs'"),
        ("--epochs 0", "epochs: input should be greater than or equal to 1, got 0"),
        ("--batch-size 0", "batch_size: input should be greater than or equal to 1, got 0"),
        ("--seed -1", "seed: input should be greater than or equal to 0, got -1"),
        ("--set limit=3", "must be at least the number of classes (10), but got 3"),
        ("--nope", "no such option: --nope"),
        ("--data-root somewhere", "take no data root, but got /"),
        ("--data imagefolder", "imagefolder needs --data-root"),
        ("--data imagenet", "imagenet needs --data-root: a folder with the folders train and val"),
        ("--set workers=-2", "workers: input should be greater than or equal to -1, got -2"),
        ("--set workers=100000", "workers run on this machine"),
        (
            "--data imagefolder --data-root nowhere",
            "/nowhere; give another --data-root, or mend root in [data] of the config.toml",
        ),
        ("--set level=unrolled --set optimizer=adamw", "pass --set optimizer=sgd"),
        ("--set accelerator=cuda", "accelerator=cuda needs a CUDA GPU"),
        (
            "--set scan_backend=nope",
            "unknown backend 'nope'; there is: auto, cpu, mamba_ssm, vmamba_scan, torch, triton, reference",
        ),
        ("--set scan_backend=mamba_ssm", "backend 'mamba_ssm' cannot run here"),
        ("--set embed_dim=13312", "GB for weights, gradients and optimiser, but cpu has"),
        ("--set embed_dim=100000000000", "embed_dim takes an integer from 1 to 16,384"),
        ("--space nope.json", "nope.json: cannot read this search space"),
        ("--config nope.toml", "nope.toml: cannot read this TOML file: no such file"),
    ],
)
def test_start_is_refused(refused_start, arguments, says, monkeypatch):
    if "cuda" in says.lower():
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert says in refused_start(*arguments.split())


@pytest.mark.parametrize(
    "name", ["imagefolder", "npz", "cifar10", "cifar100", "fashion-mnist", "imagenet", "webdataset", "hf"]
)
def test_empty_data_root(refused_start, here, name):
    (here / "empty").mkdir()
    assert "empty" in refused_start("--data", name, "--data-root", "empty")


@pytest.mark.parametrize("name", ["imagefolder", "cifar10"])
def test_unreadable_data_root(refused_start, here, name, monkeypatch):
    (here / "locked").mkdir()

    def scandir(path, real=os.scandir):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))  # chmod does not keep root out
        return real(path)

    monkeypatch.setattr("os.scandir", scandir)
    line = refused_start("--data", name, "--data-root", "locked")
    monkeypatch.undo()
    assert "locked cannot be read: Permission denied" in line


def test_images_that_the_patch_size_does_not_divide(refused_start, here):
    rng = np.random.default_rng(0)
    np.savez("images.npz", images=rng.integers(0, 255, (60, 9, 6), dtype=np.uint8), labels=np.arange(60) % 3)
    line = refused_start("--data", "npz", "--data-root", "images.npz", "--set", "limit=0")
    assert "2 does not divide 9 x 6; choose a patch_size of 1, 3, another image_size, or partial_patches=padded" in line


BAD_FILES = {
    "broken": b'{"layers": [',
    "binary": bytes(range(256)),
    "empty": b"",
    "a number": b"5",
    "deep": b"[" * 100_000,
    "another schema": b'{"schema": "scansearch/genotype/99", "layers": [{"directions": ["h"]}]}',
    "no layers": b"[]",
    "a layer without directions": b'[["h"], []]',
    "unknown direction": b'[["h"], ["nope"]]',
    "duplicate": b'[["h", "h"]]',
}


@pytest.mark.parametrize("command", ["plot", "export"])
@pytest.mark.parametrize("kind", [*BAD_FILES, "huge", "missing", "a folder that is no run"])
def test_bad_genotype(refused, here, command, kind):
    path = here / "genotype.json"
    if kind in BAD_FILES:
        path.write_bytes(BAD_FILES[kind])
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(40 << 20)
    elif kind != "missing":
        path.mkdir()
    line = refused(command, path)
    assert "genotype" in line
    assert len(line) < 500
    assert sorted(p.name for p in here.rglob("*")) == ([] if kind == "missing" else ["genotype.json"])


def test_genotype_errors_name_the_place_and_the_value(refused, here):
    for kind, says in {
        "unknown direction": "layers.1.directions: unknown scan order 'nope'",
        "duplicate": "'h' comes twice",
        "another schema": "'scansearch/genotype/99'",
        "broken": "line 1 column 13",
    }.items():
        (here / "g.json").write_bytes(BAD_FILES[kind])
        assert says in refused("plot", "g.json")


def test_genotype_with_the_wrong_number_of_layers():
    from scansearch.api import build
    from scansearch.errors import ScansearchError

    genotype = Genotype.from_directions([["h"]] * 3)
    with pytest.raises(ScansearchError, match="has 4 layers, but this one has 3"):
        build("local_vim_nano", genotype=genotype, image_size=8)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[train", "mine.toml is not TOML: expected"),
        (bytes(range(128, 200)), "mine.toml is not TOML"),
        (b"train = 3", "mine.toml: train must be a section, [train]"),
        (
            b"[nope]\nx = 1",
            "unknown section in mine.toml 'nope'; there is: machine, data, train, augment, model, space, strategy",
        ),
        (b"lr = 1", "mine.toml: lr must stand in its section, [train]; write that line above it"),
        (b"[train]\nepoch = 1", "unknown train setting in mine.toml 'epoch' (did you mean 'epochs'?)"),
        (b"[train]\nlr = 1979-05-27", "mine.toml: train.lr: no date or time is read, but this is 1979-05-27"),
        (b"[train]\nlr = 'fast'", "lr: input should be a valid number"),
        (b"[model]\nembed_dim = [1]", "embed_dim takes an integer from 1 to 16,384"),
    ],
)
def test_bad_config_file(refused_start, here, text, says):
    (here / "mine.toml").write_bytes(text)
    assert says in refused_start("--config", "mine.toml")


def test_bad_space_file(refused_start, here):
    good = {"schema": "scansearch/space/1", "name": "mine", "candidates": ["h", "v"], "keep": 1}
    for change, says in (
        ({"keep": 3}, "keeps 3 of 2; lower keep or add candidates"),
        ({"keep": "few"}, "keep is a number of at least 1, or two in ascending order such as [2, 4], got 'few'"),
        ({"keep": 0}, "keep is a number of at least 1, or two in ascending order such as [2, 4], got 0"),
        ({"keep": [2, 1]}, "in ascending order such as [2, 4], got [2, 1]"),
        ({"candidates": ["h", "nope"]}, "unknown scan order 'nope'"),
        ({"candidates": ["h", "h"]}, "'h' comes twice"),
        ({"candidates": []}, "candidates"),
    ):
        (here / "mine.json").write_text(json.dumps({**good, **change}))
        assert says in refused_start("--space", "mine.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("keeps = 2", "mine.toml: unknown key of a search space 'keeps' (did you mean 'keep'?); there is: "),
        ("keep = 2\nstage = 1", "unknown key of a search space 'stage' (did you mean 'stages'?)"),
        ("keep = 1\n[layers.0]\nkeeps = 2", "layers.0.keeps: extra inputs are not permitted"),
        ("keep = 1\n[layers.99]\nkeep = 2", "says something about layers.99, but this model has layers.0 to layers.1"),
        ("keep = 1\n[stages.3]\nkeep = 2", "says something about stages.3, but this model has stages.0 to stages.0"),
        ("keep = 1\ncandidates = ['w0', 'h']", "'w0' is no scan order: a window is wK or wKxM"),
        ("keep = 1\ncandidates = ['h_rot']", "there is no symmetry '_rot'; there is: _t (transposed)"),
        ("keep = 1\ncandidates = ['h_t', 'v']", "but 'h_t' and 'v' are the same; keep one"),
        (
            "keep = 1\ncandidates = ['h', 'w8', 'w9', 'w40']",
            "coincide on the 4 x 4 grid of layer 1, so there is nothing to choose",
        ),
        (
            "keep = 3\ncandidates = ['h', 'w8', 'w9', 'v']",
            "keeps 3 directions, but only 2 candidates of space 'mine' differ",
        ),
        ("keep = 1\nconstraints = [{kind='flip_pairs'}]", "no choice satisfies the constraints of space 'mine'"),
        ("keep = 1\nconstraints = [{kind='pairs'}]", "'flip_pairs', 'count'"),
        (
            "keep = 1\nconstraints = [{kind='count', of=['x*'], least=1}]",
            "counts 'x*', but no candidate of space 'mine'",
        ),
        ("keep = 1\nbudget = {limit=5, formula='vmamba'}", "the budget is 5 FLOPs, but without any direction"),
        ("keep = 1\nbudget = {limit=5, formula='flops'}", "flops"),
        ("keep = 1\nbudget = {limit=5, table='costs.json'}", "costs.json: cannot read this cost table: no such file"),
        ("keep = ", "mine.toml is not TOML: invalid value"),
    ],
)
def test_bad_space_in_toml(refused_start, here, text, says):
    candidates = "" if "candidates" in text else "candidates = ['h', 'v', 'w2', 'w2_flip']\n"
    (here / "mine.toml").write_text(f"name = 'mine'\n{candidates}{text}\n")
    assert says in refused_start("--space", "mine.toml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nope", "no such command 'nope'; see `scansearch --help`"),
        ("rnu", "no such command 'rnu' (did you mean 'run'?); see `scansearch --help`"),
        ("plot x --figrue y", "no such option: --figrue (did you mean --figure?); see `scansearch plot --help`"),
        ("datasets digts", "unknown dataset 'digts' (did you mean 'digits'?)"),
        ("datasets imagefolder --data-root nowhere", "/nowhere; give another --data-root"),
        ("datasets --data-root x", "--data-root needs the name of a data set; there is: cifar10"),
        ("models local_vim_nan", "unknown model 'local_vim_nan' (did you mean 'local_vim_nano'?)"),
        ("plot", "missing argument 'SOURCE'; see `scansearch plot --help`"),
        ("plot nope", "'nope' is neither a run folder, a genotype file nor a published genotype"),
        (
            "plot local_vim_tiny --figure nope",
            "unknown figure of one run or genotype 'nope'; there is: alpha, confusion, curves, front, heatmap, judged\n",
        ),
        ("plot local_vim_tiny --figure curves", "cannot draw curves"),
        (
            "export local_vim_tiny --to nope",
            "unknown exporter 'nope'; there is: json, localmamba, onnx, plain, torch_export",
        ),
        ("strategies nope", "unknown strategy 'nope'; there is: binary_gates, darts"),
        ("spaces nope", "unknown search space 'nope'"),
        ("spaces default8 --view xml", "--view takes json, optuna, nni, but got 'xml'"),
        ("spaces default8 --model local_vim_tiny --image-size 9", "patch_size"),
        ("spaces default8 --model nope", "unknown model 'nope'"),
        ("scans nope", "unknown scan order 'nope'"),
        ("scans w2 --grid 0x3", "a grid is ROWSxCOLUMNS, each 1 to 1024, for example 14x14, but got '0x3'"),
        ("resume nope", "nope holds no run (it has no config.toml)"),
    ],
)
def test_other_commands(refused, here, arguments, says):
    assert says in refused(*arguments.split())
    assert not list(here.iterdir())
