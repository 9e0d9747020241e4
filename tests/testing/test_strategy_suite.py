"""The suite accepts every built-in strategy, and catches each way of breaking one."""

import broken_strategies as broken
import pytest
import torch

from scansearch.registry import DATASETS, STRATEGIES
from scansearch.testing.capabilities.behaved import Pure
from scansearch.testing.strategy_runs import NAME
from scansearch.testing.strategy_suite import StrategySuite, check_strategy
from scansearch.training.branch_optimizers import RanBranches

EVOLUTION = {"population": 4, "generations": 1, "parents": 2, "mutations": 2, "crossovers": 1}
BUDGETS = {
    "evolution": {"population": 4, "competitors": 2, "cycles": 3},
    "fair_path": EVOLUTION,
    "local_search": {"trials": 5, "initial": 2},
    "nni_search": {"trials": 5},
    "optuna_search": {"trials": 5},
    "random_search": {"samples": 4, "images": 16, "finalists": 2},
    "single_path": EVOLUTION,
    "surrogate": {"trials": 5, "initial": 2},
}
LEVELS = [("darts", {"level": "bilevel"}), ("darts", {"level": "unrolled"}), ("sigmoid", {"level": "joint"})]
OPTIONS = [
    ("darts", {"selection": "one_shot", "judged": 4}),
    ("darts", {"selection": "perturbation"}),
    ("darts", {"perturb": "adversarial", "shortcut": 0.5, "entropy": 0.1}),
    ("gumbel", {"relaxation": "marginals"}),
    ("binary_gates", {"paths": "full"}),
    ("evolution", {**BUDGETS["evolution"], "judge": "training", "judge_epochs": 1}),
    ("progressive", {"sandwich": 1}),
    ("gumbel", {"sandwich": 1}),
    ("single_path", {**EVOLUTION, "sandwich": 1}),
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


def test_strategies_of_ones_own_conform_and_are_not_left_behind():
    check_strategy(broken.OwnOptimiser, settings={"hold": 3}, quick=True)
    assert NAME not in STRATEGIES
    assert NAME not in DATASETS


class TestSound(StrategySuite):
    """As a stranger's test does it."""

    strategy = broken.Sound
    quick = True


BROKEN = {
    "Undescribed": "Configurable: the description must be one line, but it is ''",
    "Undocumented": "Configurable: setting 'hold' needs a description of one line",
    "Demanding": "Configurable: setting 'hold' needs a default: a strategy must work without settings",
    "Lax": "Configurable: Settings must refuse unknown names",
    "UnknownPreset": "Configurable: preset 'paper': unknown strategy setting in preset paper 'holt'",
    "OverwritesSettings": "Configurable: space with keep=2 of 4: the settings became SoundSettings(hold=7); they were "
    "SoundSettings(hold=2)",
    "ChangesTraits": "Configurable: space with keep=2 of 4: setup() makes of Traits(",
    "Outside": "Valid: space with keep=1: choose() gives ((0, 1), (0, 1)), which is not in the space",
    "Unsorted": "Valid: space with keep=2 of 4: choose() gives ((1, 0), (1, 0)), which is not in the space",
    "NotANumber": "Valid: space with keep=2 of 4: scores() must give layer 1 one finite score a candidate, but gives "
    "tensor([nan",
    "Failing": "Valid: space with keep=2 of 4: RuntimeError: no idea",
    "Undecided": "Pure: space with keep=2 of 4: choose() gives ((",
    "Drawing": "Pure: space with keep=2 of 4: evaluation() draws random numbers; it must not change the search",
    "MovesWeights": "Separate: space with keep=2 of 4: before_weights() changes the weights; only the loop's optimiser may",
    "MovesWeightsAfterEpoch": "Separate: space with keep=2 of 4: after_epoch() changes the weights; only the loop's",
    "DrawsToRemark": "Separate: space with keep=2 of 4: remarks() moves alpha or draws random numbers",
    "MovesWeightsInTheEnd": "Separate: space with keep=2 of 4: finish() changes the weights; only evaluate.tune may",
    "AlphaAmongWeights": "Separate: space with keep=2 of 4: alpha is in the optimiser of the weights; give it one of its own",
    "PlainAlpha": "Separate: space with keep=2 of 4: alpha is not a parameter of the supernet, so it is lost in checkpoints",
    "RunsUnseen": "Unmoved: space with keep=2 of 4: after_backward() adds gradients of branches that did not run by step.loss()",
    "LearnsFromHeldOut": "HeldOut: space with keep=2 of 4: after_backward() uses held-out images",
    "ReadsTest": "HeldOut: space with keep=2 of 4: reads the test images",
    "ReadsTestInSecret": "HeldOut: space with keep=2 of 4: reads the test images",
    "JudgesTooMuch": "Judging: space with keep=2 of 4: finish() judges genotype number 3, but judgements promises at most 2",
    "TunesTooMuch": "Judging: space with keep=2 of 4: finish() makes update number 3, but tunings promises at most 2",
    "SwallowsErrors": "Judging: an error while a genotype is judged does not come out of finish()",
    "Unseeded": "Deterministic: the same search again: metrics.csv is not the same",
    "Forgetful": "Resumable: cut off after step 11 and resumed: metrics.csv is not the same",
    "CountsTwice": "Resumable: cut off after judging 3 genotypes and resumed: genotype.json is not the same",
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
    assert caught(name, quick=True).startswith(problem)


def test_held_out_images_that_the_weights_see(monkeypatch):
    every = torch.arange(32)
    monkeypatch.setattr("scansearch.training.feed.split_off", lambda count, share, seed: (every, every[::2]))
    with pytest.raises(AssertionError, match="HeldOut: space with keep=2 of 4: the weights learn from held-out images"):
        check_strategy(STRATEGIES.get("darts"), settings={"level": "bilevel"}, quick=True)


def test_an_optimiser_that_moves_branches_that_did_not_run(monkeypatch):
    monkeypatch.setattr(RanBranches, "any_stacked", False)
    with pytest.raises(
        AssertionError, match="Unmoved: space with keep=2 of 4: a branch moves in a step that did not run"
    ):
        check_strategy(broken.Sound, quick=True)


def test_a_setting_that_config_toml_would_lose():
    assert "a resumed run would read LosingSettings(hold=2, extra=3)" in caught(
        "Losing", settings={"extra": None}, quick=True
    )


def test_a_setting_that_does_not_exist():
    assert caught("Sound", settings={"holt": 3}, quick=True).startswith(
        "Configurable: settings: unknown strategy setting 'holt'"
    )


def test_a_strategy_that_other_processes_cannot_import():
    class Local(broken.Sound):
        pass

    with pytest.raises(
        AssertionError,
        match=r"Configurable: other processes cannot import test_strategy_suite:.*<locals>.Local; define",
    ):
        check_strategy(Local)


def test_every_capability_is_missed_by_name():
    missed = {problem.partition(":")[0] for problem in BROKEN.values()}
    assert missed | {"Distributed"} == {kind.__name__ for kind in StrategySuite.__bases__}


def test_a_capability_alone_is_a_suite():
    kind = type("TestDrawing", (Pure,), {"strategy": broken.Drawing})
    kind.setup_class()
    with pytest.raises(AssertionError, match=r"^Pure: space with keep=2 of 4: evaluation\(\) draws random numbers"):
        kind().test_asking_changes_nothing()
    folder = kind.searches.folder
    kind.teardown_class()
    assert not folder.exists()


@pytest.mark.slow
def test_a_strategy_that_depends_on_the_process():
    assert caught("OfThisProcess").startswith("Deterministic: the same search in another process: ")


@pytest.mark.slow
def test_a_strategy_that_depends_on_its_rank_passes_only_without_ranks():
    check_strategy(broken.OfThisRank, processes=False)
    assert caught("OfThisRank").startswith("Distributed: two processes: they end with another ")
