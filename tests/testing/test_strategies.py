"""The suite accepts every built-in strategy, and catches each way of breaking one."""

import broken_strategies as broken
import pytest
import torch

from scansearch.registry import DATASETS, STRATEGIES
from scansearch.testing.strategies import check_strategy
from scansearch.testing.strategy_runs import NAME

EVOLUTION = {"population": 4, "generations": 1, "parents": 2, "mutations": 2, "crossovers": 1}
BUDGETS = {
    "evolution": {"population": 4, "competitors": 2, "cycles": 3},
    "fair_path": EVOLUTION,
    "nni_search": {"trials": 5},
    "optuna_search": {"trials": 5},
    "random_search": {"samples": 4, "images": 16, "finalists": 2},
    "single_path": EVOLUTION,
}
LEVELS = [("darts", {"level": "bilevel"}), ("darts", {"level": "unrolled"}), ("sigmoid", {"level": "bilevel"})]
OPTIONS = [
    ("darts", {"selection": "one_shot", "judged": 4}),
    ("darts", {"selection": "perturbation"}),
    ("darts", {"perturb": "adversarial", "shortcut": 0.5, "entropy": 0.1}),
    ("evolution", {**BUDGETS["evolution"], "judge": "standalone", "judge_epochs": 1}),
]


def built_in(name):
    if name == "nni_search":
        pytest.importorskip("nni")
    return STRATEGIES.get(name)


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_built_in_strategies_conform(name):
    check_strategy(built_in(name), settings=BUDGETS.get(name), quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES.names())
def test_built_in_strategies_conform_in_other_processes(name, tmp_path):
    check_strategy(built_in(name), settings=BUDGETS.get(name), folder=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), [*LEVELS, *OPTIONS], ids=lambda value: str(value))
def test_other_settings_conform_in_other_processes(name, settings):
    check_strategy(built_in(name), settings=settings)


@pytest.mark.parametrize("strategy", [broken.Sound, broken.OwnOptimiser], ids=lambda s: s.__name__)
def test_strategies_of_ones_own_conform_and_are_not_left_behind(strategy):
    check_strategy(strategy, settings={"hold": 3}, quick=True)
    assert NAME not in STRATEGIES
    assert NAME not in DATASETS


BROKEN = {
    "Undescribed": "the description must be one line, but it is ''",
    "Undocumented": "setting 'hold' needs a description of one line",
    "Demanding": "setting 'hold' needs a default: a strategy must work without settings",
    "Lax": "Settings must refuse unknown names",
    "UnknownPreset": "preset 'paper': unknown strategy setting in preset paper 'holt'",
    "Outside": "space with keep=1: choose() gives ((0, 1), (0, 1)), which is not in the space",
    "Unsorted": "space with keep=2 of 4: choose() gives ((1, 0), (1, 0)), which is not in the space",
    "Undecided": "space with keep=2 of 4: choose() gives ((",
    "Drawing": "evaluation() draws random numbers; it must not change the search",
    "NotANumber": "scores() must give layer 1 one finite score a candidate, but gives tensor([nan",
    "MovesWeights": "before_weights() changes the weights; only the loop's optimiser may",
    "LearnsFromHeldOut": "AttributeError",
    "MovesWeightsAfterEpoch": "after_epoch() changes the weights; only the loop's optimiser may",
    "MovesWeightsInTheEnd": "finish() changes the weights; only evaluate.tune may",
    "AlphaAmongWeights": "alpha is in the optimiser of the weights; give it one of its own",
    "PlainAlpha": "alpha is not a parameter of the supernet, so it is lost in checkpoints",
    "OverwritesSettings": "the settings became SoundSettings(hold=7); they were SoundSettings(hold=2)",
    "ReadsTest": "space with keep=2 of 4: reads the test images",
    "ReadsTestInSecret": "the strategy reads the test images",
    "JudgesTooMuch": "finish() judges genotype number 3, but judgements promises at most 2",
    "SwallowsErrors": "an error while a genotype is judged does not come out of finish()",
    "Forgetful": "cut off after step 11 and resumed: metrics.csv is not the same",
    "CountsTwice": "cut off after judging 3 genotypes and resumed: genotype.json is not the same",
    "Unseeded": "the same search again: metrics.csv is not the same",
}


def caught(name, **options):
    with pytest.raises(AssertionError) as error:
        check_strategy(getattr(broken, name), **options)
    assert "\n" not in str(error.value)
    assert NAME not in STRATEGIES
    return str(error.value)


LONG = ("SwallowsErrors", "Forgetful", "CountsTwice", "Unseeded")  # caught last, by whole searches
CASES = [pytest.param(*case, marks=pytest.mark.slow if case[0] in LONG else (), id=case[0]) for case in BROKEN.items()]


@pytest.mark.parametrize(("name", "problem"), CASES)
def test_broken_strategies_are_caught(name, problem):
    assert problem in caught(name, quick=True)


def test_held_out_images_that_the_weights_see(monkeypatch):
    every = torch.arange(32)
    monkeypatch.setattr("scansearch.training.feed.split_off", lambda count, share, seed: (every, every[::2]))
    with pytest.raises(AssertionError, match="the weights learn from held-out images"):
        check_strategy(STRATEGIES.get("darts"), settings={"level": "bilevel"}, quick=True)


def test_a_setting_that_config_toml_would_lose():
    assert "a resumed run would read LosingSettings(hold=2, extra=3)" in caught(
        "Losing", settings={"extra": None}, quick=True
    )


def test_a_setting_that_does_not_exist():
    assert caught("Sound", settings={"holt": 3}, quick=True).startswith("settings: unknown strategy setting 'holt'")


def test_a_strategy_that_other_processes_cannot_import():
    class Local(broken.Sound):
        pass

    with pytest.raises(AssertionError, match=r"other processes cannot import test_strategies:.*<locals>.Local; define"):
        check_strategy(Local)


@pytest.mark.slow
def test_a_strategy_that_depends_on_the_process():
    assert "the same search in another process: " in caught("OfThisProcess")


@pytest.mark.slow
def test_a_strategy_that_depends_on_its_rank_passes_only_without_ranks():
    check_strategy(broken.OfThisRank, processes=False)
    assert caught("OfThisRank").startswith("two processes: they end with another ")
