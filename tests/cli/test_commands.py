"""Every command does what its help says."""

import json

import pytest

from scansearch.genotype import Genotype
from scansearch.registry import MODELS, SCAN_ORDERS, SEARCH_SPACES, STRATEGIES
from scansearch.space import SearchSpace


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_run_leaves_everything_behind_and_says_where(finished):
    files = {"config.toml", "environment.json", "metrics.csv", "layers.csv", "scores.csv", "timing.csv", "log.txt"}
    figures = {f"figures/{name}.{kind}" for name in ("heatmap", "alpha", "curves") for kind in ("png", "svg")}
    assert files | figures | {"genotype.json"} <= names(finished.path)
    assert any(name.startswith("export/") for name in names(finished.path))
    for said in ("genotype.json", "figures/heatmap.png", "scansearch plot", "scansearch export", "validation images"):
        assert said in finished.out
    assert Genotype.load(finished.path / "genotype.json").search["strategy"] == "darts"


def test_progress_is_one_aligned_line_an_epoch(finished):
    lines = finished.out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("epoch"))
    rows = lines[header + 1 : header + 3]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert {len(row) for row in rows} == {len(lines[header])}
    assert len(lines[header]) < 80


def test_run_without_out_takes_a_new_folder_each_time(call, tiny, here):
    for _ in range(2):
        assert call(*tiny, "--epochs", 1).status == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == [
        "default8-darts-digits",
        "default8-darts-digits-2",
    ]


def test_run_takes_a_space_of_ones_own(call, tiny, here):
    SearchSpace(name="mine", candidates=("h", "v", "w2"), keep=2).save("mine.json")
    assert call(*tiny, "--epochs", 1, "--space", "mine.json", "--out", "run").status == 0
    assert {len(layer) for layer in Genotype.load("run/genotype.json").directions} == {2}


def test_resume_of_a_finished_run_changes_nothing(call, finished):
    before = (finished.path / "genotype.json").read_bytes()
    result = call("resume", finished.path)
    assert result.status == 0
    assert "next:" in result.out
    assert (finished.path / "genotype.json").read_bytes() == before


@pytest.mark.parametrize("source", ["run", "file", "local_vim_tiny"])
def test_plot(call, finished, here, source):
    stem = "run" if source == "file" else source
    source = {"run": finished.path, "file": finished.path / "genotype.json"}.get(source, source)
    result = call("plot", source, "--report", "heatmap", "--out", here)
    assert result.status == 0, result.err
    assert names(here) == {f"{stem}-heatmap.png", f"{stem}-heatmap.svg"}
    assert (here / f"{stem}-heatmap.png").read_bytes().startswith(b"\x89PNG")


def test_export(call, finished, here):
    result = call("export", finished.path, "--to", "localmamba", "--out", here / "made")
    assert result.status == 0, result.err
    for line in result.out.splitlines():
        assert (here / line).is_file()
    result = call("export", "local_vim_tiny", "--to", "json")
    assert result.status == 0, result.err
    (written,) = (here / "export").iterdir()
    assert len(Genotype.load(written).layers) == 20


def test_spaces(call):
    listed = json.loads(call("spaces", "--json").out)
    assert [SearchSpace.from_dict(space).name for space in listed] == SEARCH_SPACES.names()
    assert "default8" in call("spaces").out


def test_strategies(call):
    assert [s["name"] for s in json.loads(call("strategies", "--json").out)] == STRATEGIES.names()
    shown = json.loads(call("strategies", "darts", "--json").out)
    assert "alpha_lr" in shown["settings"]["properties"]
    assert "paper" in shown["presets"]
    text = call("strategies", "darts").out
    assert "alpha_lr" in text
    assert "--preset paper" in text
    assert "darts" in call("strategies").out


def test_scans(call, here):
    assert [f["family"] for f in json.loads(call("scans", "--json").out)] == SCAN_ORDERS.names()
    facts = json.loads(call("scans", "v", "--grid", "2x3", "--json").out)
    assert (facts["name"], facts["grid"], facts["indices"]) == ("v", [2, 3], [0, 3, 1, 4, 2, 5])
    assert "0  2  4\n1  3  5" in call("scans", "v", "--grid", "2x3").out
    assert "_flip" in call("scans").out


def test_models(call):
    listed = {model["name"]: model for model in json.loads(call("models", "--json").out)}
    assert list(listed) == MODELS.names()
    assert listed["local_vim_tiny"]["parameters"] == 7_994_152
    assert "patch_size" in listed["local_vim_tiny"]["options"]
    assert "7,994,152" in call("models").out


def test_doctor(call):
    facts = json.loads(call("doctor", "--json").out)
    assert {b["name"] for b in facts["backends"]} >= {"reference", "torch", "cpu", "mamba_ssm"}
    assert all(b["reason"] for b in facts["backends"])
    assert facts["auto"]["cpu"] in ("cpu", "torch")
    assert "auto uses" in call("doctor").out


def test_version(call):
    assert call("--version").out.startswith("scansearch ")
