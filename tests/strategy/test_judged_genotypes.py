"""Judged genotypes go into a checkpoint as tensors and come back as they were."""

import time
from itertools import combinations
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from scansearch.registry import SEARCH_SPACES
from scansearch.runs.checkpoint import load_checkpoint, save_checkpoint
from scansearch.space import SearchSpace
from scansearch.strategy.judged_genotypes import Judged

SPACE = SearchSpace(name="five", candidates=("h", "v", "w2", "w7", "h_flip"), keep=(1, 5)).bind([(14, 14)] * 3)
subsets = st.sets(st.integers(0, 4), min_size=1).map(lambda found: tuple(sorted(found)))
judged = st.dictionaries(st.tuples(subsets, subsets, subsets), st.floats(0, 1), max_size=20)


@given(judged)
def test_what_was_judged_comes_back_in_its_order(found):
    state = Judged(SPACE).state(found)
    assert (state["kept"].shape, state["kept"].dtype) == ((len(found), 2), torch.uint8)
    assert list(Judged(SPACE).restored(state, "the memory").items()) == list(found.items())


def test_a_candidate_that_is_not_there_is_refused():
    state = Judged(SPACE).state({((0,), (1,), (2,)): 0.5})
    state["kept"][0, 1] |= 1
    with pytest.raises(ValueError, match="the memory keeps candidates that are not there"):
        Judged(SPACE).restored(state, "the memory")


def test_20_000_genotypes_make_a_small_header_and_are_saved_quickly(tmp_path):
    space = SEARCH_SPACES.get("default8").bind([(14, 14)] * 20)
    random, layer = Random(0), list(combinations(range(8), 4))
    found = {tuple(random.choices(layer, k=20)): n / 30_000 for n in range(20_000)}
    memory = Judged(space)
    memory.state(found)
    before = time.process_time()
    path = save_checkpoint(tmp_path, 1, {"strategy": {"accuracies": memory.state(found)}})
    assert time.process_time() - before < 1
    with safe_open(path, framework="pt") as file:
        assert len(file.metadata()["tree"]) < 1000
    assert path.stat().st_size < 20_000 * (20 + 8) + 10_000
    loaded = load_checkpoint(tmp_path, pytest.fail)
    assert Judged(space).restored(loaded[1]["strategy"]["accuracies"], "it") == found
