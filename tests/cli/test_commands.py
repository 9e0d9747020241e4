"""Every command does what its help says."""

import json
import shlex
import shutil
from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
import torch

from scansearch.cli.console import out
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.registry import DATASETS, MODELS, SCAN_ORDERS, SEARCH_SPACES, STRATEGIES
from scansearch.runs.folder import RunFolder
from scansearch.searching.known_settings import known_settings
from scansearch.space import SearchSpace


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_run_leaves_everything_behind_and_says_where(finished):
    files = {"config.toml", "environment.json", "metrics.csv", "layers.csv", "scores.csv", "timing.csv", "log.txt"}
    figures = {f"figures/{name}.{kind}" for name in ("heatmap", "alpha", "curves") for kind in ("png", "svg")}
    assert files | figures | {"genotype.json"} <= names(finished.path)
    assert any(name.startswith("export/") for name in names(finished.path))
    for said in (
        "genotype.json",
        "figures/heatmap.png",
        "export/scansearch_local_vim_nano_run.py",
        "validation images",
    ):
        assert said in finished.out
    assert Genotype.load(finished.path / "genotype.json").search["strategy"] == "darts"


def after(text, line):
    """The indented lines that follow a line."""
    lines = text[text.index(line) :].splitlines()[1:]
    return [found[2:] for found in takewhile(lambda found: found.startswith("  "), lines)]


def test_a_run_that_is_too_short_to_mean_anything_says_so(finished):
    assert "few updates of the weights" in finished.out
    assert "few updates of the weights" in (finished.path / "log.txt").read_text()


def test_the_lines_that_build_the_network_do_as_they_are_printed(finished):
    found: dict = {}
    exec("\n".join(after(finished.out, "or build it, to train it")), found)
    assert found["network"](torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert [tuple(layer) for layer in found["genotype"].directions] == found["network"].candidates


def test_the_command_that_compares_with_chance_is_the_same_search_at_random(call, finished, monkeypatch):
    (line,) = after(finished.out, "is the search better than chance?")
    seen = []
    monkeypatch.setattr("scansearch.searching.assemble.start", lambda config, *more: seen.append(config) or 1 / 0)
    words = shlex.split(line)
    assert words[0] == "scansearch"
    assert call(*words[1:]).status == 1
    ours, other = RunFolder(finished.path).config, seen[0]
    assert (ours.strategy.name, other.strategy.name) == ("darts", "random_search")
    assert other.subject() == ours.subject()
    assert (other.space, other.data, other.seed) == (ours.space, ours.data, ours.seed)


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
    assert "next: train" in result.out
    assert (finished.path / "genotype.json").read_bytes() == before


def test_a_result_that_cannot_be_shown_costs_no_status(call, finished, monkeypatch):
    def show(genotype):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scansearch.cli.run_summary.show_genotype", show)
    result = call("resume", finished.path)
    assert result.status == 0
    assert result.err.startswith("note: showing the result failed (OSError: [Errno 28] No space left on device); `")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("source", ["run", "file", "local_vim_tiny"])
def test_plot(call, finished, here, source):
    stem = "run" if source == "file" else source
    source = {"run": finished.path, "file": finished.path / "genotype.json"}.get(source, source)
    result = call("plot", source, "--figure", "heatmap", "--out", here)
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


def test_untrained_weights_are_exported_when_asked_for(call, refused, finished, here):
    assert "add --untrained for initial ones" in refused(
        "export", finished.path, "--to", "torch_export", "--out", "made"
    )
    result = call("export", finished.path, "--to", "plain", "--untrained", "--out", "made")
    assert result.out.split() == ["made/local_vim_nano_run.py", "made/local_vim_nano_run.pt"]
    assert "this network was not trained" in (here / "made" / "local_vim_nano_run.py").read_text()


def test_export_of_what_does_not_apply(call, refused, finished, here):
    shutil.copytree(finished.path, here / "run")
    Genotype.from_directions([["h"]] * 4, model="elsewhere").save(here / "run" / "genotype.json")
    line = refused("export", "run", "--out", "made")
    assert "the model 'elsewhere' of this genotype is not known here" in line
    assert not (here / "made").exists()
    (here / "run" / "export" / "notes.txt").write_text("mine")
    result = call("export", "run", "--to", "localmamba")
    assert result.status == 2
    assert result.err.count("was of an earlier result and is gone") == 1
    assert names(here / "run" / "export") == {"notes.txt"}


def test_spaces(call):
    listed = json.loads(call("spaces", "--json").out)
    assert [SearchSpace.from_dict(space).name for space in listed] == SEARCH_SPACES.names()
    assert "default8" in call("spaces").out


def test_the_layers_of_a_space_count_from_1(call):
    assert "\n1 to 6  8 x 8" in call("spaces", "default8", "--model", "local_vim_micro").out


def test_a_space_says_that_its_budget_is_left_aside(call, tmp_path):
    budget = 'budget = {limit = 1.0, formula = "vmamba"}'  # which no network keeps
    (tmp_path / "dear.toml").write_text(f'name = "dear"\ncandidates = ["h", "v"]\nkeep = 1\n{budget}\n')
    assert "the budget is left aside here" in call("spaces", str(tmp_path / "dear.toml")).out


def test_strategies(call):
    assert [s["name"] for s in json.loads(call("strategies", "--json").out)] == STRATEGIES.names()
    shown = json.loads(call("strategies", "darts", "--json").out)
    assert "alpha_lr" in [option["name"] for option in shown["settings"]["strategy"]]
    assert "paper" in shown["presets"]
    text = call("strategies", "darts").out
    assert "alpha_lr" in text
    assert "--preset paper" in text
    assert "darts" in call("strategies").out


def test_which_strategies_found_most_for_their_time_is_said_where_one_chooses(call):
    listed = json.loads(call("strategies", "--json").out)
    named = {fact["name"] for fact in listed if "found most for its time" in fact["when"]}
    assert named == {"darts", "surrogate"}
    for command in ("run", "estimate"):
        shown = " ".join(call(command, "--help").out.replace("│", " ").split())
        assert "darts found most for its time, then surrogate." in shown


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_every_setting_is_listed_with_its_default_and_what_it_takes(call, name, monkeypatch):
    monkeypatch.setattr(out, "width", 250)
    kind = STRATEGIES.get(name)
    wanted = known_settings(kind, MODELS.get("local_vim_nano"), DATASETS.get("fashion-mnist").augment)
    arguments = ("strategies", name, "--model", "local_vim_nano", "--data", "fashion-mnist")
    rows = {line.split()[0]: line for line in call(*arguments).out.splitlines() if line.strip()}
    for option in (option for options in wanted.values() for option in options):
        default = "unset" if option.default is None else str(option.default).removesuffix(".0").lower()
        assert rows[option.name].split()[1] in (default, "''"), option
        assert option.description.split("  ")[0][:40] in rows[option.name]
    shown = json.loads(call(*arguments, "--json").out)["settings"]
    assert shown == {section: [option._asdict() for option in options] for section, options in wanted.items()}


def test_scans(call, here):
    assert [f["name"] for f in json.loads(call("scans", "--json").out)] == SCAN_ORDERS.names()
    facts = json.loads(call("scans", "v", "--grid", "2x3", "--json").out)
    assert (facts["name"], facts["grid"], facts["indices"]) == ("v", [2, 3], [0, 3, 1, 4, 2, 5])
    assert "0  2  4\n1  3  5" in call("scans", "v", "--grid", "2x3").out
    assert "_flip" in call("scans").out


def test_models(call):
    listed = {model["name"]: model for model in json.loads(call("models", "--json").out)}
    assert list(listed) == MODELS.names()
    assert listed["local_vim_tiny"]["parameters"] == 7_994_152
    assert "patch_size" in [option["name"] for option in listed["local_vim_tiny"]["options"]]
    assert "7,994,152" in call("models").out
    assert json.loads(call("models", "local_vim_tiny", "--json").out) == listed["local_vim_tiny"]
    text = call("models", "local_vim_tiny").out
    assert "7,994,152" in text
    assert all(option["name"] in text for option in listed["local_vim_tiny"]["options"])


def test_datasets(call, monkeypatch):
    nowhere = replace(DATASETS.get("fashion-mnist"), find=lambda root: refuse("Fashion-MNIST was sought"))
    monkeypatch.setitem(DATASETS._registered, "fashion-mnist", nowhere)
    listed = {data["name"]: data for data in json.loads(call("datasets", "--json").out)}
    assert list(listed) == DATASETS.names()
    assert listed["digits"]["found"]
    assert listed["digits"]["augment"] == {"shift": 0.125}
    assert not listed["fashion-mnist"]["found"]
    assert listed["fashion-mnist"]["missing"] == "Fashion-MNIST was sought"
    text = call("datasets").out
    assert all(word in text for word in (*DATASETS.names(), "scikit-learn"))
    assert "augmentation: shift=0.125" in call("datasets", "digits").out
    assert "not found: Fashion-MNIST was sought" in call("datasets", "fashion-mnist").out


def test_a_data_set_is_read_as_a_run_reads_it(call, here):
    assert "1,257 train images, 270 validation images, 270 test images" in call("datasets", "digits").out
    np.savez("mine.npz", images=np.zeros((60, 6, 8, 3), np.uint8), labels=np.arange(60) % 3)
    facts = json.loads(call("datasets", "npz", "--data-root", "mine.npz", "--json").out)
    assert (facts["found"], facts["channels"], facts["image_size"]) == (True, 3, [6, 8])
    assert facts["classes"] == ["0", "1", "2"]
    assert sum(facts["images"].values()) == 60


def refuse(message):
    raise ScansearchError(message)


def test_doctor(call):
    facts = json.loads(call("doctor", "--json").out)
    assert {b["name"] for b in facts["backends"]} >= {"reference", "torch", "cpu", "mamba_ssm"}
    assert all(b["reason"] for b in facts["backends"])
    assert facts["auto"]["cpu"] in ("cpu", "torch")
    assert "auto uses" in call("doctor").out


def test_version(call):
    assert call("--version").out.startswith("scansearch ")


def test_a_run_is_repeated_by_its_own_config(call, finished, here):
    told = call("run", "--config", finished.path / "config.toml", "--dry-run", "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["settings"] == RunFolder(finished.path).config.model_dump(
        mode="json", exclude_none=True
    )
    changed = call(
        "run", "--config", finished.path / "config.toml", "--seed", 5, "--strategy", "random_search", "--dry-run"
    )
    assert "seed = 5" in changed.out
    assert 'name = "random_search"' in changed.out
