"""Laws of overlaps, against enumeration."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scansearch.comparing.agreement import at_least, mean_of, overlap_law, sum_of


def enumerated(candidates, one, other):
    """Of all subsets of one size, how many share 0, 1, ... elements with a subset of another."""
    fixed = set(range(one))
    counts = Counter(len(fixed & set(subset)) for subset in combinations(range(candidates), other))
    return [Fraction(counts[n], comb(candidates, other)) for n in range(min(one, other) + 1)]


sizes = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n), st.integers(1, n)))


@given(sizes)
def test_a_layers_law_is_that_of_all_subsets(size):
    assert overlap_law(*size) == pytest.approx([float(p) for p in enumerated(*size)], rel=1e-12, abs=1e-300)


@given(st.lists(sizes, min_size=1, max_size=3), st.integers(0, 24))
def test_the_sum_over_layers_is_that_of_all_cases(layers, observed):
    laws = [enumerated(*size) for size in layers]
    cases = product(*(range(len(law)) for law in laws))
    exact = sum(np.prod([law[n] for law, n in zip(laws, case, strict=True)]) for case in cases if sum(case) >= observed)
    found = at_least(sum_of(overlap_law(*size) for size in layers), observed)
    assert found == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


def test_a_tiny_p_keeps_its_digits():
    assert at_least(sum_of([overlap_law(8, 4, 4)] * 20), 80) == pytest.approx(70.0**-20, rel=1e-10)


def test_the_mean_is_the_products_share():
    assert mean_of(sum_of([overlap_law(8, 4, 4), overlap_law(6, 2, 3)])) == pytest.approx(2 + 1)


def test_nothing_to_choose_is_no_evidence():
    assert at_least(sum_of([overlap_law(4, 4, 4)] * 3), 12) == 1
