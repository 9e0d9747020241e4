"""Chance by draws: what the formula says where there is one, and what enumeration says under constraints and budgets."""

from collections import Counter
from itertools import product

import numpy as np
from scipy.stats import binom

from scansearch.comparing.agreement import overlap_law
from scansearch.comparing.drawn import drawn_like, drawn_p, overlaps_with
from scansearch.space import Budget, Costs, SearchSpace

NAMES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip")
DRAWS = 4000
PAIRS = [{"kind": "flip_pairs", "least": 1}]


def bound(layers=2, **more):
    return SearchSpace.from_dict({"name": "toy", "candidates": NAMES, "keep": 2, **more}).bind([(6, 6)] * layers)


def agree(shares, law):
    """Whether counts of draws are what a law says, each but for one case in a hundred million."""
    for seen, p in zip(shares, law, strict=True):
        assert min(binom.cdf(seen, DRAWS, p), binom.sf(seen - 1, DRAWS, p)) > 1e-8


def counts(space, choice, seed=0):
    drawn = overlaps_with(choice, drawn_like(space, choice, seed, DRAWS))
    assert drawn.shape == (DRAWS, len(space))
    return drawn


def test_without_constraints_it_is_the_hypergeometric_law():
    space = bound()
    drawn = counts(space, space.choice([["h", "v"], ["w2", "w2_flip"]]))
    for layer in drawn.T:
        agree(np.bincount(layer, minlength=3), overlap_law(6, 2, 2))


def test_as_many_directions_are_kept_as_in_the_choice():
    space = bound(keep=[1, 4])
    choice = space.choice([["h"], ["h", "v", "w2", "w2_flip"]])
    drawn = drawn_like(space, choice, 0, 200)
    assert {tuple(map(len, other)) for other in drawn} == {(1, 4)}


def test_under_constraints_it_is_the_law_of_what_is_allowed():
    """Flips only go together: both or none, where free names would meet far less often."""
    space = bound(layers=1, constraints=PAIRS)
    drawn = counts(space, space.choice([["h", "h_flip"]]))
    agree(np.bincount(drawn[:, 0], minlength=3), [2 / 3, 0, 1 / 3])


def test_under_a_budget_layers_hang_together():
    prices = dict(zip(NAMES, (1, 2, 3, 4, 5, 6), strict=True))
    budget = Budget(limit=7, table="costs.json")
    space = SearchSpace(name="toy", candidates=NAMES, keep=1, budget=budget)
    space = space.bind([(6, 6)] * 2, costs=Costs("ms", 0, [prices, prices]))
    allowed = [pair for pair in product(NAMES, NAMES) if prices[pair[0]] + prices[pair[1]] <= 7]
    meets = Counter((one == "h") + (other == "v") for one, other in allowed)
    drawn = counts(space, space.choice([["h"], ["v"]]))
    agree(np.bincount(drawn.sum(1), minlength=3), [meets[n] / len(allowed) for n in range(3)])


def test_a_p_is_never_zero_and_counts_the_observation():
    assert drawn_p(np.array([0, 1, 2, 3]), 3) == 2 / 5
    assert drawn_p(np.array([0, 1, 2, 3]), 4) == 1 / 5
    assert drawn_p(np.array([0, 1, 2, 3]), 0) == 1


def test_the_same_seed_draws_the_same():
    space = bound(constraints=PAIRS)
    choice = space.choice([["h", "h_flip"], ["v", "v_flip"]])
    draws = [drawn_like(space, choice, seed, 50) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
