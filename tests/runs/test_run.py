"""A run folder as its readers see it."""

import pytest

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.runs.config import RunConfig
from scansearch.runs.run import Run
from scansearch.runs.tables import GENOTYPES, METRICS, SCORES, TABLES, MetricsRow
from scansearch.searching.assemble import start
from scansearch.training.events import Silent


class Stop(Silent):
    """Dies after the fifth step."""

    def stepped(self, progress):
        if progress.step == 5:
            raise KeyboardInterrupt


def test_a_finished_search(tiny, tmp_path):
    config = tiny(epochs=2)
    genotype = start(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert (run.kind, run.config, run.genotype) == ("search", config, genotype)
    assert run.environment["precision"] == "32-true"
    assert [path.parent.name for path in run.checkpoints] == ["checkpoints"] * 2
    metrics = run.rows(METRICS)
    assert [row.epoch for row in metrics] == [1, 2]
    assert all(type(row) is MetricsRow and type(row.genotype_changes) is int for row in metrics)
    last = [row.direction for row in run.rows(SCORES) if (row.epoch, row.layer) == (2, 0) and row.kept]
    assert last == list(genotype.layers[0].directions)
    assert run.frame(SCORES)["score"].tolist() == [row.score for row in run.rows(SCORES)]
    assert run.rows(GENOTYPES) == []
    assert all((tmp_path / "run" / table.name).is_file() for table in run.tables)


def test_an_unfinished_search_has_no_genotype(tiny, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start(tiny(), tmp_path / "run", Stop())
    run = Run.open(tmp_path / "run")
    assert run.genotype is None
    assert [row.epoch for row in run.rows(METRICS)] == [1]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        Run.open(tmp_path)
    (tmp_path / "config.toml").write_text('format = "scansearch/run/1"\n')
    with pytest.raises(RunFolderError, match="is a run of format 'scansearch/run/1', but this version reads"):
        Run.open(tmp_path)
    (tmp_path / "config.toml").write_text('format = "scansearch/run/2"\nkind = "walk"\n[model]\nname = "x"\n')
    with pytest.raises(ScansearchError, match="kind: input should be 'search', 'train' or 'compare', got 'walk'"):
        Run.open(tmp_path)


def test_a_run_of_another_kind_needs_neither_space_nor_strategy():
    assert RunConfig(kind="compare", model={"name": "local_vim_nano"}).strategy.name == ""
    with pytest.raises(ValueError, match="a run of kind search has the sections space and strategy"):
        RunConfig(model={"name": "local_vim_nano"})
    assert set(TABLES) == {"search", "train", "compare"}
