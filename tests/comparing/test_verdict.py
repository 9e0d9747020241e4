"""What halves say of a genotype."""

import pytest

from scansearch.comparing.verdict import LEVEL, Halves, verdict
from scansearch.space import SearchSpace

NAMES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip")
KEPT = [["h", "v"], ["w2", "w2_flip"], ["h_flip", "v"]]
OTHER = [["h", "v"], ["w2", "v"], ["w2", "w2_flip"]]


def said(*choices, kept=KEPT, undecided=(), **more):
    space = SearchSpace.from_dict({"name": "toy", "candidates": NAMES, "keep": 2, **more}).bind([(6, 6)] * len(kept))
    return verdict(space.choice(kept), Halves(space, [space.choice(choice) for choice in choices], 0, undecided), 7)


def test_halves_that_agree_in_all():
    found = said(KEPT, KEPT)
    assert (found.pairs, found.epochs, found.needed, found.law) == (1, 7, 2, "exact")
    assert (found.overlap, found.most, found.chance) == (6, 6, pytest.approx(2))
    assert found.p == pytest.approx(15**-3)
    assert found.beyond_chance
    assert [list(layer.directions) for layer in found.layers] == KEPT
    first = found.layers[0]
    assert (first.halves, first.overlap, first.most) == ({"h": 2, "v": 2}, 2, 2)
    assert (first.chance, first.p) == (pytest.approx(2 / 3), pytest.approx(1 / 15))


@pytest.mark.parametrize("exact", [True, False], ids=["formula", "drawn"])
def test_where_a_half_is_undecided_it_has_chosen_nothing(exact, monkeypatch):
    monkeypatch.setattr("scansearch.comparing.drawn.drawn_like.__defaults__", (2000,))
    monkeypatch.setattr(Halves, "exact", exact)
    nowhere, everywhere = frozenset(), frozenset({0, 1, 2})
    found = said(KEPT, KEPT, undecided=[everywhere, everywhere])
    assert (found.overlap, found.most, found.chance, found.p) == (0, 0, 0, 1)
    assert not any(layer.directions for layer in found.layers)
    found = said(KEPT, KEPT, undecided=[frozenset({1}), nowhere])
    assert (found.overlap, found.most) == (4, 4)
    assert found.p == pytest.approx(15**-2, abs=0.005)
    assert [list(layer.directions) for layer in found.layers] == [KEPT[0], [], KEPT[2]]


def test_what_halves_share_by_chance_is_not_confirmed():
    found = said(KEPT, OTHER)
    assert found.overlap == 3
    assert found.p == pytest.approx((1 + 24 + 210 + 800) / 3375)
    assert found.p > LEVEL
    assert not any(layer.directions for layer in found.layers)
    assert not any(found.decides(0, name, kept=name in KEPT[0]) for name in NAMES)


def test_what_the_run_did_not_keep_is_not_confirmed():
    found = said(KEPT, KEPT, kept=[["h", "w2"], *KEPT[1:]])
    assert list(found.layers[0].directions) == ["h"]
    decided = {name: found.decides(0, name, kept=name in ("h", "w2")) for name in NAMES}
    assert decided == {"h": True, "h_flip": True, "v": False, "v_flip": True, "w2": False, "w2_flip": True}


def test_of_five_pairs_three_quarters_must_choose():
    others = [OTHER] * 2
    found = said(*[KEPT] * 8, *others)
    assert (found.pairs, found.needed) == (5, 8)
    assert found.overlap == 6
    assert [list(layer.directions) for layer in found.layers] == KEPT
    assert found.layers[2].halves == {"h_flip": 8, "v": 8, "w2": 2, "w2_flip": 2}
    assert found.decides(2, "w2", kept=False)
    found = said(*[KEPT] * 7, *[OTHER] * 3)
    assert [list(layer.directions) for layer in found.layers] == [["h", "v"], ["w2"], []]
    assert not found.decides(2, "w2", kept=False)


def test_several_pairs_say_what_chance_and_the_theorem_give():
    found = said(*[KEPT] * 10)
    assert found.p == pytest.approx(2 * 15**-3)
    assert found.by_chance == pytest.approx(18 * 201 / 3**10, rel=1e-6)  # 8, 9 or 10 of 10 at 1/3: 180 + 20 + 1 cases
    assert found.bound == pytest.approx(6 * (1 / 3) / 0.6)
    assert said(KEPT, KEPT).bound is None


def test_layers_of_several_sizes_have_laws_of_their_own():
    found = said([["h"], ["h", "v", "w2"]], [["h", "v"], ["h", "v", "w2"]], kept=KEPT[:2], keep=[1, 3])
    assert (found.overlap, found.most) == (4, 4)
    assert [layer.chance for layer in found.layers] == [pytest.approx(2 / 6), pytest.approx(9 / 6)]
    assert found.p == pytest.approx(2 / 6 / 20)


def test_under_constraints_chance_is_drawn(monkeypatch):
    monkeypatch.setattr("scansearch.comparing.drawn.drawn_like.__defaults__", (2000,))
    pairs = [["h", "h_flip"]] * 3
    found = said(pairs, pairs, kept=pairs, constraints=[{"kind": "flip_pairs", "least": 1}])
    assert found.law == "drawn"
    assert found.by_chance is None
    assert found.chance == pytest.approx(2, abs=0.2)
    assert found.p == pytest.approx(1 / 27, abs=0.015)  # and not 1/3375, as if any two names could come together


def test_a_merged_direction_is_the_one_that_it_coincides_with():
    space = SearchSpace(name="toy", candidates=("h", "w6", "v"), keep=1).bind([(6, 6)])
    halves = Halves(space, [space.choice([["w6"]]), space.choice([["h"]])], 0)
    assert verdict(space.choice([["h"]]), halves, 1).layers[0].halves == {"h": 2}
