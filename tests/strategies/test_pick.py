"""What strategies keep of the genotypes that were judged: the most accurate, or what should be best."""

import pytest
from additive import Additive, searched
from toy_search import space

BY_EVOLUTION = {
    "pick": "expected",
    "population": 20,
    "generations": 4,
    "parents": 5,
    "mutations": 10,
    "crossovers": 10,
}  # at most 100
BEYOND = {"single_path": BY_EVOLUTION, "random_search": {"images": 0}}


@pytest.mark.parametrize("name", BEYOND)
def test_under_noise_the_expected_one_is_better_than_the_most_accurate(name):
    bound, found = space(count=8, keep=1, layers=4), {"expected": 0.0, "judged": 0.0}
    for pick in found:
        for seed in range(4):
            judge = Additive(bound, seed, noise=0.2)
            found[pick] += judge.share(searched(name, bound, judge, seed, **{**BEYOND[name], "pick": pick}).choose())
    assert found["expected"] > found["judged"] + 0.4


def test_it_is_judged_last_and_its_accuracy_is_known():
    bound = space(count=8, keep=1, layers=4)
    judge = Additive(bound, noise=0.2)
    found = searched("random_search", bound, judge, pick="expected", images=0, samples=60)
    assert found.choose() == judge.asked[-1] in found.judged_genotypes()
    assert len(judge.asked) == found.traits.judgements == 61


def test_with_fewer_judgements_than_gains_the_most_accurate_stays():
    bound = space(count=8, keep=1, layers=4)  # 4 x 7 gains
    judge = Additive(bound, noise=0.2)
    found = searched("random_search", bound, judge, pick="expected", images=0, samples=28)
    assert len(judge.asked) == 28
    assert found.choose() == max(found.accuracies, key=found.accuracies.__getitem__)


def test_where_the_sum_misleads_the_most_accurate_stays():
    """What single directions gain leads to what does not work together: the first of both layers."""
    bound, asked = space(count=8, keep=1, layers=2), []

    def judge(selections):
        choice = tuple(s.indices[0] for s in selections)
        asked.append(choice)
        return 0.0 if choice == (0, 0) else 0.9 if choice == (5, 5) else 0.5 + 0.2 * choice.count(0)

    found = searched("random_search", bound, judge, pick="expected", images=0, samples=1000)
    assert (0, 0) in asked
    assert found.choose() == ((5,), (5,))


class Clamped(Additive):
    """An accuracy is at most 1."""

    def __call__(self, selections):
        return min(1.0, max(0.0, super().__call__(selections)))


def test_an_interrupted_search_picks_the_same():
    bound = space(count=8, keep=1, layers=4)
    whole = searched("single_path", bound, Clamped(bound, noise=0.1), **BY_EVOLUTION)
    again = searched("single_path", bound, Clamped(bound, noise=0.1), **{**BY_EVOLUTION, "generations": 0})
    again.settings = whole.settings
    again.load_state_dict(whole.state_dict())  # written after the last judgement
    judge = Clamped(bound)
    again.finish(judge)
    assert judge.asked == []
    assert again.choose() == whole.choose() != max(whole.accuracies, key=whole.accuracies.__getitem__)
    assert list(again.accuracies.items()) == list(whole.accuracies.items())
