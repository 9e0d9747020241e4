import sys

import pytest
from additive import Additive, searched
from test_black_box import FakeJudge
from toy_search import space, strategy

from scansearch.errors import BackendUnavailableError


def test_without_nni_it_says_so_before_anything_is_trained(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "nni"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nni", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "scansearch\[nni\]", or take optuna_search'):
        strategy("nni_search")


@pytest.mark.parametrize("tuner", ["tpe", "random"])
def test_tuners_find_good_genotypes_and_repeat_themselves(tuner):
    pytest.importorskip("nni")
    one, other = FakeJudge(), FakeJudge()
    for judge in (one, other):
        found = strategy("nni_search", tuner=tuner, trials=40)
        found.finish(judge)
        assert found.accuracies[found.choose()] == max(found.accuracies.values()) > 0.5
    assert one.asked == other.asked


@pytest.mark.parametrize("tuner", ["tpe", "random"])
@pytest.mark.parametrize("count", [4, 6])  # of 6 choices a layer, categories; of 15, numbers
def test_no_trial_is_spent_on_what_was_judged(tuner, count):
    pytest.importorskip("nni")
    bound = space(count=count, keep=2, layers=2)
    judge = Additive(bound)
    searched("nni_search", bound, judge, tuner=tuner, trials=30)
    assert len(judge.asked) == len(set(judge.asked)) == 30


def test_numbers_instead_of_categories():
    pytest.importorskip("nni")
    bound = space(count=8, keep=(1, 8))
    assert bound[0].size < 1000
    found = strategy("nni_search", bound=bound, trials=5)
    with pytest.raises(IndexError):  # the judge knows four directions a layer
        found.finish(FakeJudge())
