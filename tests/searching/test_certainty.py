import math

import pytest
import torch

from scansearch.searching.certainty import History, entropy, margin


def probabilities(*alpha):
    return torch.tensor(alpha, dtype=torch.float64).softmax(0)


def test_entropy_is_one_when_uniform_and_zero_when_decided():
    assert entropy(torch.full((8,), 0.125)) == pytest.approx(1)
    assert entropy(torch.tensor([1.0, 0, 0])) == pytest.approx(0)
    assert math.isnan(entropy(torch.tensor([3.0, 1.0])))


def test_margin_is_between_rank_k_and_the_next():
    scores = torch.tensor([0.4, 0.1, 0.3, 0.2])
    assert margin(scores, (0, 2)) == pytest.approx(0.1)
    assert margin(scores, (0, 1, 2, 3)) == math.inf


def history(series):
    made = History()
    for value in series:
        made.add([probabilities(value, 0.0)], [(0,)])
    return made


def test_steady_growth_has_settled():
    made = history([1e-3 * i for i in range(1, 20)])
    noise = made.noise(0, (0,))
    assert margin(torch.tensor(made.scores[-1][0]), (0,)) > noise


def test_a_wandering_margin_has_not_settled():
    generator = torch.Generator().manual_seed(0)
    walk = 0.02 * torch.randn(20, generator=generator)
    walk[-1] = 0.005
    made = history(walk.tolist())
    assert margin(torch.tensor(made.scores[-1][0]), (0,)) < made.noise(0, (0,))


def test_margin_no_larger_than_initial_spread_is_noise():
    made = history([1e-3] * 20)  # never moved from its initialisation
    assert margin(torch.tensor(made.scores[-1][0]), (0,)) < made.noise(0, (0,))


def test_too_short_to_tell():
    assert history([0.0, 1.0]).noise(0, (0,)) is None


def test_changes_count_newcomers():
    made = History()
    scores = [torch.tensor([0.3, 0.4, 0.3])]
    made.add(scores, [(0, 1)])
    made.add(scores, [(1, 2)])
    assert made.changes(0) == 1
