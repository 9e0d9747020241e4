"""Single directions: what chance gives, by enumeration, and what a theorem promises."""

from itertools import combinations, product

import numpy as np
import pytest

from scansearch.comparing.stability import by_chance, joint_p, most_by_chance


@pytest.mark.parametrize(("kept", "needed"), [((2, 2, 2, 2), 3), ((1, 3, 2, 2), 3), ((2, 2), 2)])
def test_by_chance_is_the_mean_over_all_that_halves_could_choose(kept, needed):
    choices = [list(combinations(range(4), size)) for size in kept]
    counts = [np.bincount(np.concatenate(made), minlength=4) for made in product(*choices)]
    assert by_chance(4, kept, needed) == pytest.approx(np.mean([(count >= needed).sum() for count in counts]))


def test_the_bound_is_that_of_the_theorem_and_never_more_than_a_layer_keeps():
    assert most_by_chance(32, 4, 0.75) == pytest.approx(4 * 4 / 32 / 0.5)
    assert most_by_chance(8, 4, 0.75) == 4
    assert most_by_chance(6, 2, 1.0) == pytest.approx(2 * 2 / 6)  # one pair: what both halves choose by chance


def test_the_bound_holds_where_halves_choose_by_what_they_share():
    """All pairs alike, though each half chooses at random: the worst that overlapping images can do."""
    random = np.random.default_rng(0)
    stable = []
    for _ in range(2000):
        halves = [random.permutation(6)[:2] for _ in range(2)] * 5
        stable.append((np.bincount(np.concatenate(halves), minlength=6) >= 8).sum())
    assert by_chance(6, [2] * 10, 8) < np.mean(stable) <= most_by_chance(6, 2, 0.8)


def test_one_p_is_left_alone_and_several_cost_a_factor_of_two():
    assert joint_p([0.03]) == 0.03
    assert joint_p([0.01, 0.9, 0.02]) == 0.04
    assert joint_p([0.6, 0.7, 0.8]) == 1


def test_the_joint_p_keeps_its_level_whatever_the_dependence():
    """Three uniform ones, two of them the same: they fall below 5 % no more often than in 5 %."""
    random = np.random.default_rng(0)
    found = [joint_p([one, one, other]) for one, other in random.random((20_000, 2))]
    assert np.mean(np.array(found) <= 0.05) < 0.055
