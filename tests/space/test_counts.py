"""Numbers of choices by cost, against adding up pair by pair."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scansearch.space.counts import MOST_DENSE, RunningSums, convolve

near = st.integers(0, 40)
anywhere = near | st.integers(MOST_DENSE - 2, MOST_DENSE + 2) | st.integers(0, 2**80)
numbers = st.integers(1, 3) | st.integers(1, 2**200)


def counts(costs):
    return st.dictionaries(costs, numbers, max_size=6)


@given(counts(near) | counts(anywhere), counts(near) | counts(anywhere), st.none() | anywhere)
def test_the_numbers_of_pairs_are_the_products_of_the_numbers(one, other, limit):
    expected = Counter()
    for cost, n in one.items():
        for more, m in other.items():
            if limit is None or cost + more <= limit:
                expected[cost + more] += n * m
    assert convolve(one, other, limit) == expected


@given(counts(anywhere), st.none() | anywhere)
def test_how_many_cost_at_most_so_much(found, limit):
    expected = sum(n for cost, n in found.items() if limit is None or cost <= limit)
    assert RunningSums(found).at_most(limit) == expected
