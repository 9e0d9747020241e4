"""Studies that outlive a process, and that several work on."""

import optuna
import pytest
from test_black_box import BEST, FakeJudge
from toy_search import ToySupernet, space, strategy

from scansearch.errors import ScansearchError
from scansearch.registry import STRATEGIES
from scansearch.space import Budget, Costs, SearchSpace
from scansearch.strategy.step import Plan


@pytest.fixture(params=["journal", "sqlite"])
def storage(request, tmp_path):
    path = tmp_path / f"study.{request.param}"
    return str(path) if request.param == "journal" else f"sqlite:///{path}"


def test_a_killed_worker_takes_up_its_own_trial_and_ends_as_it_would_have(storage, tmp_path):
    whole, asked = strategy("optuna_search", trials=15), FakeJudge()
    whole.finish(asked)
    part = strategy("optuna_search", trials=15, storage=storage)
    with pytest.raises(KeyboardInterrupt):
        part.finish(FakeJudge(6))
    again, judge = strategy("optuna_search", trials=15, storage=storage), FakeJudge()
    again.load_state_dict(part.state_dict())
    again.finish(judge)
    assert judge.asked == asked.asked[6:]
    assert again.accuracies == whole.accuracies
    assert again.choose() == whole.choose()
    trials = again._study().trials()
    assert sum(t.state == optuna.trial.TrialState.COMPLETE for t in trials) == 15
    assert not [t for t in trials if t.state == optuna.trial.TrialState.RUNNING]


def test_two_workers_share_one_study_and_agree(storage):
    one = strategy("optuna_search", trials=20, storage=storage)
    other = strategy("optuna_search", trials=20, storage=storage)
    first, second = FakeJudge(8), FakeJudge()
    with pytest.raises(KeyboardInterrupt):
        one.finish(first)
    other.finish(second)
    assert len(first.asked) == 8
    assert len(second.asked) <= 12
    again = strategy("optuna_search", trials=20, storage=storage)
    again.finish(FakeJudge(0))
    assert again.choose() == other.choose()


def test_a_study_of_another_search_is_refused_before_training(storage):
    strategy("optuna_search", storage=storage)
    with pytest.raises(ScansearchError, match="belongs to a search with another seed; make them equal"):
        strategy("optuna_search", storage=storage, plan=Plan(10, 10, 1))
    with pytest.raises(ScansearchError, match="another images; make"):
        strategy("optuna_search", storage=storage, plan=Plan(10, 10, 0, {"images": "of another kind"}))
    with pytest.raises(ScansearchError, match="another space; make"):
        strategy("optuna_search", bound=space(keep=3), storage=storage)
    strategy("optuna_search", bound=space(keep=3), storage=storage, study="another")
    strategy("optuna_search", bound=space(count=8, keep=3), storage=storage, study="as many")
    with pytest.raises(ScansearchError, match="another space; make"):  # of which there are as many genotypes
        strategy("optuna_search", bound=space(count=8, keep=5), storage=storage, study="as many")


def test_a_storage_that_cannot_be_opened_is_one_line():
    with pytest.raises(ScansearchError, match="the study cannot be kept in 'nowhere://x'") as caught:
        strategy("optuna_search", storage="nowhere://x")
    assert "\n" not in str(caught.value)


def test_nsga2_weighs_accuracy_against_cost():
    found, judge = strategy("optuna_search", bound=space(keep=(1, 4)), sampler="nsga2", trials=80), FakeJudge()
    found.finish(judge)
    assert found.choose() == (
        (0, 1, 2, 3),
        (0, 2, 3),
    )  # of the most accurate, which keep candidate 1 or not, the cheaper


@pytest.mark.parametrize("sampler", ["random", "gp"])
def test_other_samplers(sampler):
    found, judge = strategy("optuna_search", sampler=sampler, trials=12), FakeJudge()
    found.finish(judge)
    assert found.accuracies[found.choose()] == max(found.accuracies.values())


def test_what_exceeds_the_budget_is_replaced_by_the_nearest_that_fits():
    costs = [{"h": 1.0, "h_flip": 2.0, "v": 3.0, "v_flip": 4.0}] * 2
    bound = SearchSpace(name="toy", candidates=tuple(costs[0]), keep=2, budget=Budget(limit=9, table="t")).bind(
        [(6, 6)] * 2, costs=Costs("FLOPs", 0.0, costs)
    )
    found, judge = strategy("optuna_search", ToySupernet(), bound, trials=60), FakeJudge()
    found.finish(judge)
    assert all(bound.allows(choice) for choice in judge.asked)
    assert len(found.accuracies) > 5
    assert found.choose() != BEST
    assert bound.allows(found.choose())


def test_what_the_study_knows_beyond_the_last_checkpoint_is_not_lost(storage):
    part = strategy("optuna_search", trials=15, storage=storage)
    early = part.state_dict()
    with pytest.raises(KeyboardInterrupt):
        part.finish(FakeJudge(9))
    again = strategy("optuna_search", trials=15, storage=storage)
    again.load_state_dict(early)
    again.finish(FakeJudge())
    assert set(part.accuracies) <= set(again.accuracies)
    assert again.choose() in again.accuracies


@pytest.mark.parametrize(("given", "kept"), [("study.log", "{}/study.log"), ("sqlite:///a.db", "sqlite:///{}/a.db")])
def test_a_file_is_found_from_everywhere(given, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = STRATEGIES.get("optuna_search").Settings
    assert settings(storage=given).storage == kept.format(tmp_path)
    for same in ("", "sqlite:///:memory:", "postgresql://host/name", f"sqlite:///{tmp_path}/a.db"):
        assert settings(storage=same).storage == same


def test_a_storage_that_fails_on_the_way_is_one_line_and_the_search_goes_on_later(tmp_path):
    path = tmp_path / "study.db"
    found = strategy("optuna_search", trials=6, storage=f"sqlite:///{path}")

    class Failing(FakeJudge):
        def __call__(self, selections):
            if len(self.asked) == 3:
                path.rename(tmp_path / "away.db")
                path.mkdir()
            return super().__call__(selections)

    with pytest.raises(
        ScansearchError, match="cannot be reached any more: .*; once it is back, resume the run"
    ) as caught:
        found.finish(Failing())
    assert "\n" not in str(caught.value)
    path.rmdir()
    (tmp_path / "away.db").rename(path)
    found.finish(FakeJudge())
    study = found._study()
    assert len(study.finished(study.trials())) == 6
