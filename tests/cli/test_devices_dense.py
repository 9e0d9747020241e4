"""Images with masks, searched on and trained on by two processes: as by one."""

import shlex

import pytest
from several_processes import NO_FIGURES, search

from scansearch.runs.run import Run
from scansearch.runs.tables import EPOCHS, GENOTYPES, METRICS
from tests.mask_images import write_masked

SEARCH = shlex.split(
    "run --data maskfolder --model local_vim_nano --space global4 --epochs 1 --batch-size 8 --set patch_size=4 --set depth=2 "
    "--set scan_backend=torch --set accelerator=cpu --strategy random_search --set samples=3 --set finalists=3 --set images=1 --out"
)
TRAIN = shlex.split("train --epochs 1 --batch-size 8 --set scan_backend=torch --set accelerator=cpu --genotype")


@pytest.mark.slow
def test_two_processes_find_and_train_what_one_does(call, tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.finish._draw_all", lambda *arguments: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_masked(tmp_path / "data", 21)  # of which three validate: shares differ, and of one image a process has none
    commands = {
        "search": [*SEARCH, "{}", "--data-root", "data"],
        "train": [*TRAIN, "search-1", "--out", "{}"],
    }
    monkeypatch.chdir(tmp_path)
    runs = {}
    for name, command in commands.items():
        one, two = ([word.format(f"{name}-{n}") for word in command] for n in (1, 2))
        result = call(*one)
        assert (result.status, result.err) == (0, "")
        assert search(tmp_path, *two, "--devices", "2", code=NO_FIGURES) == ""
        runs[name] = [Run.open(f"{name}-{n}") for n in (1, 2)]
    judged = [run.rows(GENOTYPES) for run in runs["search"]]
    assert judged[0] == judged[1] != []
    assert {row.measure for row in judged[0]} == {"mean_iou"}
    for name, table in (("search", METRICS), ("train", EPOCHS)):
        (one,), (two,) = (run.rows(table) for run in runs[name])
        numbers = [[value for value in row if not isinstance(value, str)] for row in (one, two)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-4)
    assert runs["train"][1].network().shape.dense
