"""The genotypes that ship, compared with an independent listing of what was published."""

from __future__ import annotations

import pytest

from scansearch.genotype import published, published_names

LOCAL_VIM_TINY = """
h v_flip w7 w7_flip | h_flip w2_flip w7 w7_flip | h h_flip v w7 | h h_flip v v_flip | h h_flip v v_flip | h h_flip v v_flip |
h_flip v v_flip w7 | h_flip v v_flip w2_flip | h h_flip v v_flip | h h_flip v v_flip | h v v_flip w2 | h v v_flip w2_flip |
h h_flip v_flip w7 | h_flip v v_flip w2 | h h_flip v v_flip | h v w2 w2_flip | v v_flip w2 w7 | h h_flip v w2 |
h h_flip w2_flip w7 | v v_flip w2 w2_flip
"""
LOCAL_VMAMBA_TINY = """
h h_flip w7 w7_flip | h_flip v_flip w2 w2_flip | h_flip v_flip w2_flip w7 | h_flip v v_flip w2 | h h_flip v_flip w2_flip |
h_flip v_flip w2 w2_flip | h w2_flip w7 w7_flip | h h_flip v v_flip | h v_flip w7 w7_flip | h_flip v w2 w7_flip |
v v_flip w2 w7_flip | h h_flip v_flip w2_flip | v_flip w2_flip w7 w7_flip | h_flip v_flip w2_flip w7_flip | h_flip v w7 w7_flip
"""
# The scan orders in the paper's order of candidates: a digit each, so that 33 layers stay readable.
LOCAL_VMAMBA_SMALL = """
0237 0126 1236 1256 1256 1347 1236 0236 0236 0237 0123 0234 2356 0124 1237 0123 0237
0237 0136 1356 1237 2367 0237 1234 0235 0126 0167 0345 0346 0237 1256 1367 0267
"""
CANDIDATES = ["h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"]


def rows(text):
    return [layer.split() for layer in text.split("|")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("local_vim_tiny", rows(LOCAL_VIM_TINY)),
        ("local_vmamba_tiny", rows(LOCAL_VMAMBA_TINY)),
        ("local_vmamba_small", [[CANDIDATES[int(d)] for d in layer] for layer in LOCAL_VMAMBA_SMALL.split()]),
        ("local_vim_tiny_fixed", [["h", "h_flip", "w2", "w2_flip"]] * 20),
        ("vim_tiny", [["h", "h_flip"]] * 24),
        ("vmamba_tiny", [["h", "v", "h_flip", "v_flip"]] * 15),
    ],
)
def test_every_layer_is_as_published(name, expected):
    assert published(name).directions == expected


@pytest.mark.parametrize("name", published_names())
def test_where_it_comes_from_and_on_what_grid(name):
    genotype = published(name)
    assert "arXiv" in genotype.search["source"]
    grids = {0: (56, 56), 1: (28, 28), 2: (14, 14), 3: (7, 7)} if "vmamba" in name else {0: (14, 14)}
    assert all(layer.grid == grids[layer.stage] for layer in genotype.layers)
    assert not any(layer.scores for layer in genotype.layers), "the paper published no scores"
    if genotype.search["searched"]:
        assert list(genotype.candidates) == CANDIDATES


@pytest.mark.parametrize(
    ("name", "depths"), [("local_vmamba_tiny", [2, 2, 9, 2]), ("local_vmamba_small", [2, 2, 27, 2])]
)
def test_stages_of_the_hierarchical_ones(name, depths):
    stages = [layer.stage for layer in published(name).layers]
    assert stages == [stage for stage, depth in enumerate(depths) for _ in range(depth)]
