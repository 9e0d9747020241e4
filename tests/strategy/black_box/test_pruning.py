"""Trainings that end early: what Optuna's pruners decide, and what a study keeps of it."""

import pytest
from optuna.trial import TrialState, create_trial
from pydantic import ValidationError
from toy_search import strategy

from scansearch.registry import STRATEGIES
from scansearch.strategy.black_box.pruned_trainings import PrunedTrainings
from scansearch.strategy.black_box.pruning import Pruning

EPOCHS = 9
WORTH = [[0.1, 0.4, 0.2, 0.3], [0.5, 0.0, 0.1, 0.2]]
SETTINGS = {
    "hyperband": {"judge": "training", "judge_epochs": EPOCHS, "pruner": "hyperband", "trials": 24},
    "wilcoxon": {"judge": "training", "judge_epochs": 2, "pruner": "wilcoxon", "trainings": 6, "trials": 14},
    "mean": {"judge": "training", "judge_epochs": 2, "trainings": 3, "trials": 8},
}


class Learning:
    """Networks that learn: what directions are worth shows from epoch to epoch. Stops the run before an epoch."""

    def __init__(self, limit=10**9):
        self.limit, self.epochs, self.trained = limit, 0, []

    def from_scratch(self, choice, epochs, *, seed=0, report=None):
        worth = sum(WORTH[i][j] for i, layer in enumerate(choice) for j in layer) / 2
        self.trained.append((choice, seed))
        for epoch in range(1, epochs + 1):
            self.epochs += 1
            if self.epochs > self.limit:
                raise KeyboardInterrupt
            accuracy = worth * (0.5 + 0.5 * epoch / epochs) + seed / 1000
            if report is not None and report(epoch, accuracy):
                break
        return accuracy


SURROGATE = {"judge": "training", "judge_epochs": EPOCHS, "pruner": "hyperband", "trials": 24, "initial": 8}


def outcome(found):
    return found.choose(), found.accuracies, found.reports


def judged(trial_number, values, state=TrialState.COMPLETE):
    trial = create_trial(state=state, value=values[-1], intermediate_values=dict(enumerate(values, 1)))
    trial.number = trial_number
    return trial


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("limit", [1, 20, 33])
def test_interrupted_in_the_midst_of_a_training_it_ends_as_it_would_have(kind, limit):
    whole, part, again = (strategy("optuna_search", **SETTINGS[kind]) for _ in range(3))
    whole.finish(Learning())
    with pytest.raises(KeyboardInterrupt):
        part.finish(Learning(limit))
    again.load_state_dict(part.state_dict())
    again.finish(Learning())
    assert outcome(again) == outcome(whole)


@pytest.mark.parametrize("kind", ["hyperband", "wilcoxon"])
def test_much_is_pruned_and_not_the_best(kind):
    found, judge = strategy("optuna_search", **SETTINGS[kind]), Learning()
    found.finish(judge)
    most = SETTINGS[kind]["judge_epochs"] * SETTINGS[kind].get("trainings", 1)
    pruned = [choice for choice, reports in found.reports.items() if len(reports) < found.settings.reports]
    assert pruned
    assert judge.epochs < most * len(found.reports) * 0.9
    assert not {*pruned} & {
        *found.accuracies
    }  # what was trained for less is not compared with what was trained to the end
    assert found.accuracies[found.choose()] == max(found.accuracies.values())


def test_a_surrogate_learns_from_trainings_that_were_ended_and_chooses_what_was_trained_whole():
    found, judge = strategy("surrogate", **SURROGATE), Learning()
    found.finish(judge)
    reports = found.trainings.reports
    ended = {choice for choice, values in reports.items() if len(values) < EPOCHS}
    assert ended
    assert judge.epochs < 24 * EPOCHS * 0.9
    assert {*reports} == {*found.accuracies}
    assert not ended & {*found.judged_genotypes()} - {*found.last}
    assert found.choose() in found.judged_genotypes()
    picked = strategy("surrogate", pick="judged", **SURROGATE)
    picked.finish(Learning())
    assert picked.accuracies[picked.choose()] == max(picked.judged_genotypes().values())


def test_what_was_ended_is_taken_to_gain_as_much_as_the_others():
    trainings = PrunedTrainings(9, {((i,),): [0.1 * epoch for epoch in range(1, 10)] for i in range(20)})

    def train(report):
        any(report(epoch, 0.05) for epoch in range(1, 10))
        return 0.05

    found = {((i,),): trainings.accuracy(((i,),), train) for i in range(20, 30)}
    ended = [choice for choice in found if not trainings.is_whole(choice)]
    first, since = ended[0], 9 - len(trainings.reports[ended[0]])
    worse = found.keys() - set(ended)  # those that were not ended have gained nothing since
    assert found[first] <= 0.05 + 0.1 * since
    assert found[first] >= 0.05 + 0.1 * since * 20 / (20 + len(worse)) - 1e-9


@pytest.mark.parametrize("limit", [1, 20, 33, 60])
def test_a_surrogate_interrupted_in_the_midst_of_a_training_ends_as_it_would_have(limit):
    whole, part, again = (strategy("surrogate", **SURROGATE) for _ in range(3))
    whole.finish(Learning())
    with pytest.raises(KeyboardInterrupt):
        part.finish(Learning(limit))
    again.load_state_dict(part.state_dict())
    again.finish(Learning())
    assert (again.choose(), again.accuracies, again.last) == (whole.choose(), whole.accuracies, whole.last)
    assert again.trainings.reports == whole.trainings.reports


def test_a_surrogate_has_a_pruner_only_where_networks_are_trained():
    with pytest.raises(ValueError, match="pruner=hyperband is for judge=training, but a supernet judges"):
        strategy("surrogate", pruner="hyperband")


def test_the_mean_of_several_trainings_counts():
    found, judge = strategy("optuna_search", **SETTINGS["mean"]), Learning()
    found.finish(judge)
    assert found.traits.judgements == 24 >= len(judge.trained)
    assert [seed for _, seed in judge.trained[:3]] == [0, 1, 2]
    for choice, reports in found.reports.items():
        assert len(reports) == 3
        assert found.accuracies[choice] == pytest.approx(sum(reports) / 3)


def test_a_study_keeps_what_was_reported_and_that_it_was_pruned(tmp_path):
    where = {"storage": str(tmp_path / "study.log"), **SETTINGS["hyperband"]}
    alone = strategy("optuna_search", **SETTINGS["hyperband"])
    alone.finish(Learning())
    part = strategy("optuna_search", **where)
    with pytest.raises(KeyboardInterrupt):
        part.finish(Learning(50))
    again = strategy("optuna_search", **where)
    again.load_state_dict(part.state_dict())
    again.finish(Learning())
    assert again.accuracies == alone.accuracies
    trials = again._study().trials()
    states = [trial.state for trial in trials]
    assert {*states} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(states) == 24
    for trial in trials:
        assert (len(trial.intermediate_values) == EPOCHS) == (trial.state == TrialState.COMPLETE)
    fresh = strategy("optuna_search", **where)
    fresh.finish(Learning(0))  # all is there
    assert fresh.choose() == again.choose()


def test_hyperband_lets_the_best_third_of_a_rung_go_on():
    others = [judged(n, [0.1 * n]) for n in range(40)]
    for other in others:
        other.system_attrs = {"completed_rung_0": other.values[0]}
    decisions = {number: Pruning("hyperband", EPOCHS, others, number).stop(1, 0.5) for number in range(40, 60)}
    assert {*decisions.values()} == {True, False}  # brackets differ in when they prune first
    assert not any(Pruning("hyperband", EPOCHS, others, number).stop(1, 3.95) for number in range(40, 60))
    assert not Pruning("none", EPOCHS, others, 40).stop(1, 0.0)


def test_wilcoxon_prunes_what_is_worse_in_every_training_than_the_best():
    best = [judged(0, [0.9, 0.8, 0.9, 0.85, 0.9, 0.88])]
    pruning = Pruning("wilcoxon", 6, best, 1)
    assert [pruning.stop(step, value) for step, value in enumerate([0.7, 0.7, 0.6, 0.65], 1)] == [
        False,
        False,
        False,
        True,
    ]
    assert pruning.reports == {1: 0.7, 2: 0.7, 3: 0.6, 4: 0.65}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pruner": "hyperband"}, "pruner and trainings are for judge=training"),
        ({"trainings": 2}, "pruner and trainings are for judge=training"),
        ({"judge": "training", "pruner": "hyperband", "sampler": "nsga2"}, "pruner=hyperband looks at accuracy alone"),
        ({"judge": "training", "pruner": "hyperband", "trainings": 2}, "looks at one training, but got trainings=2"),
        ({"judge": "training", "pruner": "wilcoxon", "trainings": 4}, "at least 5 trainings of a network, but got"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, says):
    with pytest.raises(ValidationError, match=says):
        STRATEGIES.get("optuna_search").Settings(**settings)


def test_reports_that_are_none_are_refused():
    found = strategy("optuna_search", **SETTINGS["mean"])
    found.finish(Learning())
    state = found.state_dict()
    two = found.memory.state_of([found.choose()] * 4, [0.1] * 4)
    with pytest.raises(ValueError, match="no lists of at most 3 accuracies, one a genotype"):
        strategy("optuna_search", **SETTINGS["mean"]).load_state_dict({**state, "reports": two})
