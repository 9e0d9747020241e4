"""The suite accepts every built-in space, and catches spaces that cannot be searched."""

import pytest

from scansearch.registry import SEARCH_SPACES
from scansearch.space import BoundSpace, SearchSpace
from scansearch.testing import check_space

FOUR = SearchSpace(name="four", candidates=("h", "v", "w2", "w3"), keep=2, description="four")


@pytest.mark.parametrize("name", SEARCH_SPACES.names())
def test_built_in_spaces_conform(name):
    check_space(SEARCH_SPACES.get(name))


def test_constraints_variable_keep_and_layers_of_their_own_conform():
    space = SearchSpace(
        name="mine",
        candidates=("h", "h_flip", "v", "hilbert"),
        keep=(1, 3),
        constraints=[{"kind": "count", "of": ["h*"], "least": 1}],
        layers={4: {"candidates": ["v", "h", "spiral"], "keep": 1}},
        description="mine",
    )
    check_space(space)
    check_space(space, [(4, 6)] * 5, [0] * 5)


WRONG = {
    "description": (FOUR.model_copy(update={"description": ""}), "the description must be one line, but it is ''"),
    "name": (FOUR.model_copy(update={"candidates": ("h", "nope")}), "read back from JSON: search space: candidates"),
    "grid": (
        SearchSpace(name="m", candidates=("h", "w40"), keep=2, description="m"),
        "bound to the grids: all 2 candidates of space 'm' coincide",
    ),
    "same": (
        SearchSpace(name="m", candidates=("h",), layers={0: {"candidates": ["h_t_t"]}}, keep=1, description="m"),
        "candidates 'h' and 'h_t_t' are the same order on every grid; drop one",
    ),
}


@pytest.mark.parametrize(("space", "problem"), WRONG.values(), ids=WRONG)
def test_wrong_spaces_are_caught(space, problem):
    with pytest.raises(AssertionError) as caught:
        check_space(space)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


BROKEN = {
    "sample": (lambda self, generator=None: ((0,),) * len(self), "a sampled genotype is not in the space"),
    "mutate": (lambda self, choice, generator: ((0, 9),) * len(self), "a mutated genotype is not in the space"),
    "best": (lambda self, scores, threshold=None: ((0, 1),) * len(self), "changes when encoded and decoded"),
    "distance": (lambda self, one, other: 0, "distance is zero between different genotypes"),
}


@pytest.mark.parametrize(("method", "broken", "problem"), [(k, *v) for k, v in BROKEN.items()], ids=BROKEN)
def test_broken_algebra_is_caught(monkeypatch, method, broken, problem):
    """The suite is a check of the algebra, too, for those who write their own."""
    monkeypatch.setattr(BoundSpace, method, broken)
    with pytest.raises(AssertionError, match=problem):
        check_space(FOUR)
