"""Spaces for property tests."""

from __future__ import annotations

import torch
from hypothesis import assume
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.space import BoundSpace, SearchSpace

NAMES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w3_col")
patterns = st.sampled_from(["h", "*_flip", "w*", "v*", "*"])


@st.composite
def counts(draw):
    least = draw(st.integers(0, 2))
    most = draw(st.none() | st.integers(least, 3)) if least else draw(st.integers(0, 3))
    return {"kind": "count", "of": [draw(patterns)], "least": least, "most": most}


pairs = st.builds(lambda n: {"kind": "flip_pairs", "least": n}, st.integers(1, 2))
constraints = st.lists(counts() | pairs, max_size=2)


@st.composite
def spaces(draw):
    candidates = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=6))
    least = draw(st.integers(1, len(candidates)))
    most = draw(st.integers(least, len(candidates)))
    rules = draw(constraints)
    for rule in rules:  # a pattern that matches nothing is an error of its own
        rule["of"] = ["*"] if rule["kind"] == "count" else None
    rules = [{k: v for k, v in rule.items() if v is not None or k == "most"} for rule in rules]
    keep = least if least == most else (least, most)
    return SearchSpace(name="drawn", candidates=candidates, keep=keep, constraints=rules)


sides = st.integers(1, 4)
grids = st.lists(st.tuples(sides, sides), min_size=1, max_size=3)


def bound_or_skip(space, grids) -> BoundSpace:
    """The bound space; a test that drew one that cannot be bound draws again."""
    try:
        return space.bind(grids)
    except ScansearchError:
        assume(False)
        raise


def generator(seed=0):
    return torch.Generator().manual_seed(seed)
