"""A run's own config.toml, given as a file of settings, repeats the run but for what flags say."""

import pytest

from scansearch.errors import ScansearchError
from scansearch.searching.config_file import read_config_files
from scansearch.searching.configure import make_config
from scansearch.space import find_space

DEFAULTS = {
    "space": "default8",
    "strategy": "darts",
    "model": "local_vim_micro",
    "data": "digits",
    "data_root": "",
    "seed": 0,
}


@pytest.fixture
def run(tmp_path):
    """Settings of a run, and its config.toml."""
    named = {"strategy": "evolution", "model": "local_vim_nano", "data": "digits", "seed": 7}
    settings = {"cycles": 9, "lr": 0.01, "depth": 2, "threads": 1, "flip": 0.25, "limit": 99, "keep": 2}
    config = make_config(space=find_space("global4"), settings=settings, **named)
    (tmp_path / "config.toml").write_text(config.to_toml())
    return config, tmp_path / "config.toml"


def made(path, *more, flags=None, **arguments):
    names, layers = read_config_files([path, *more], DEFAULTS, flags or {})
    return make_config(**{**names, "space": find_space(names["space"])}, layers=layers, **arguments)


def test_it_repeats_the_run(run):
    config, path = run
    assert made(path) == config


def test_flags_and_later_files_win(run, tmp_path):
    config, path = run
    (tmp_path / "more.toml").write_text("[train]\nepochs = 3\n")
    again = made(path, tmp_path / "more.toml", flags={"seed": 8}, assignments=["lr=0.5"])
    assert (again.seed, again.train.epochs, again.train.lr) == (8, 3, 0.5)
    assert again.strategy == config.strategy


def test_what_was_set_for_another_strategy_model_or_data_set_does_not_count(run):
    config, path = run
    other = made(path, flags={"strategy": "darts", "model": "local_vim_micro", "space": "default8"})
    assert (other.strategy.name, other.strategy.settings["level"]) == ("darts", "joint")
    assert (other.model.name, other.model.settings, other.space["keep"]) == ("local_vim_micro", {}, 4)
    assert (other.train, other.data, other.augment) == (config.train, config.data, config.augment)
    elsewhere = made(path, flags={"data": "cifar10"})
    assert (elsewhere.data.name, elsewhere.data.limit, elsewhere.data.root) == ("cifar10", 0, "")
    assert elsewhere.strategy == config.strategy
    assert elsewhere.augment.flip == 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("run/2", "run/9"), "is a run of format 'scansearch/run/9', but this version reads 'scansearch/run/2'"),
        (
            ('kind = "search"', 'kind = "compare"'),
            "of a run of kind compare, but only a search is repeated by --config",
        ),
        (("lr = 0.01", "lr = -1"), "config.toml: run setting train.lr: input should be greater than 0, got -1"),
    ],
)
def test_other_runs_are_refused(run, change, says):
    run[1].write_text(run[1].read_text().replace(*change))
    with pytest.raises(ScansearchError) as caught:
        made(run[1])
    assert says in str(caught.value)


def test_a_file_that_is_no_run_names_no_more_than_settings(tmp_path):
    (tmp_path / "mine.toml").write_text("[train]\nepochs = 3\n")
    names, layers = read_config_files([tmp_path / "mine.toml"], DEFAULTS, {"seed": 3})
    assert names == {**DEFAULTS, "seed": 3}
    assert layers == [(str(tmp_path / "mine.toml"), {"train": {"epochs": 3}})]
