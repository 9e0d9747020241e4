"""The planted problem: what the images show, what the network can see, and that the planted genotype is the best there is."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import scansearch
from scansearch.data import normalise
from scansearch.errors import ScansearchError
from scansearch.models import Selection
from scansearch.registry import DATASETS, MODELS
from scansearch.scans import ScanOrder, distinct
from scansearch.shape import ImageShape
from scansearch.testing.planted import CANDIDATES, GRID, HIGH, LOW, MARK, PLANTED, PlantedProblem, places
from scansearch.testing.planted_model import PlantedSpec, preceding

PAIRS = list(combinations(CANDIDATES, 2))
SMALL = PlantedProblem((("v", "w2_flip"),))
SHAPE = ImageShape(*GRID, channels=1, classes=4)


def bits_along(problem, split, layer, direction):
    """What stands just before the marked pixel, read off the image by the scan order itself."""
    order = ScanOrder(direction).indices(*GRID)
    scanned = split.images[:, layer].flatten(1)[:, order].long()
    before = scanned.argmax(1) - 1
    found = scanned[torch.arange(len(split)), before.clamp(min=0)] > (LOW + HIGH) / 2
    return torch.where(before >= 0, found, False)


def test_the_label_is_written_by_the_bits_along_the_planted_orders():
    problem = PlantedProblem.draw(3)
    for split in (problem.read().train, problem.read().test):
        label = torch.zeros(len(split), dtype=torch.long)
        for layer, names in enumerate(problem.planted):
            for name in names:
                label = 2 * label + bits_along(problem, split, layer, name)
        assert label.equal(split.labels)


def test_a_bit_is_a_coin_that_other_orders_read_only_where_they_agree():
    split = PLANTED.read().train
    layer, (_, low) = 0, PLANTED.planted[0]
    bit = split.labels // 2 ** (PLANTED.bits - 2) % 2 == 1
    assert bit.float().mean() == pytest.approx(0.5, abs=0.05)
    assert bits_along(PLANTED, split, layer, low).equal(bit)
    marked = places(PLANTED.planted[layer])
    for other in set(CANDIDATES) - {low}:
        tables = [preceding(name, GRID, 2)[marked, 1] for name in (low, other)]
        agree = (tables[0] == tables[1]).float().mean()
        right = (bits_along(PLANTED, split, layer, other) == bit).float().mean()
        assert right == pytest.approx(float(agree + (1 - agree) / 2), abs=0.05)
        assert right < 0.85


def test_other_layers_and_other_seeds_show_other_images():
    parts, again, other = PLANTED.read(), PLANTED.read(), PlantedProblem(PLANTED.planted, seed=1).read()
    assert parts.train.digest() == again.train.digest() != other.train.digest()
    assert len({split.digest() for split in (parts.train, parts.validation, parts.test)}) == 3
    marked = parts.train.images.flatten(2).argmax(2)
    assert (parts.train.images.flatten(2).max(2).values > MARK - 25).all()
    assert (marked[:, 0] != marked[:, 1]).float().mean() > 0.9


@pytest.mark.parametrize("direction", CANDIDATES)
def test_a_token_is_preceded_by_what_the_order_visits_before_it(direction):
    order, table = ScanOrder(direction).indices(*GRID).tolist(), preceding(direction, GRID, 3)
    for place, token in enumerate(order):
        expected = [order[place - lag] if place >= lag else len(order) for lag in range(3)]
        assert table[token].tolist() == expected


@pytest.mark.parametrize("planted", PAIRS)
def test_no_other_pair_shows_both_bits_at_more_than_three_of_five_places(planted):
    problem = PlantedProblem((planted,))
    ceilings = {pair: problem.ceiling([pair]) for pair in PAIRS}
    assert ceilings.pop(planted) == 1
    assert max(ceilings.values()) < 0.8
    assert min(ceilings.values()) >= 0.25


def test_the_planted_genotype_alone_can_be_always_right():
    layers = [[(PLANTED.planted[i]), *[p for p in PAIRS if p != PLANTED.planted[i]][::5]] for i in range(3)]
    perfect = [genotype for genotype in product(*layers) if PLANTED.ceiling(genotype) == 1]
    assert perfect == [PLANTED.planted]


def test_a_ceiling_multiplies_over_layers():
    others = (("h", "h_flip"), *PLANTED.planted[1:])
    assert PLANTED.ceiling(others) == PlantedProblem(PLANTED.planted[:1]).ceiling(others[:1])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_network_sees_only_what_stands_before_the_mark(weighted):
    torch.manual_seed(0)
    supernet = PlantedSpec().configure(depth=1).supernet([CANDIDATES], SHAPE)
    images = torch.rand(1, 1, *GRID)
    images[0, 0, 3, 3] = 9.0  # h sees (3, 2) and (3, 1)
    index = (CANDIDATES.index("h"),)
    selection = [Selection(index, torch.ones(1) if weighted else None)]
    gradient = torch.autograd.functional.jacobian(lambda x: supernet(x, selection).sum(), images)
    assert (gradient[0, 0] != 0).nonzero().tolist() == [[3, 1], [3, 2], [3, 3]]


def test_a_mixture_is_normalised_and_weighted_and_a_part_lets_the_others_pass():
    torch.manual_seed(0)
    layer = PlantedSpec().configure(depth=1).supernet([CANDIDATES], SHAPE).layers[0]
    pixels, weights = torch.rand(5, 36), torch.tensor([0.3, 0.7])
    one, other = (layer(pixels, Selection((i,), torch.ones(1))) for i in (1, 4))
    torch.testing.assert_close(layer(pixels, Selection((1, 4), weights)), 0.3 * one + 0.7 * other)
    plain = layer(pixels, Selection((1,))) + layer(pixels, Selection((4,)))
    torch.testing.assert_close(layer(pixels, Selection((1, 4))), plain)
    halves = [layer(pixels, Selection((1,), part=(i, 2))) for i in range(2)]
    own = layer.out(layer.embed(pixels.max(1).values[:, None]))
    torch.testing.assert_close(halves[0] + halves[1], layer(pixels, Selection((1,))) + own)
    shortcut = layer(pixels, Selection((1,), shortcut=0.5)) - layer(pixels, Selection((1,)))
    torch.testing.assert_close(shortcut, 0.5 * own)


def trained(problem, directions, *, normalised=False, epochs=5):
    """Test accuracy of a network that is trained alone."""
    torch.manual_seed(0)
    data = problem.data.load()
    supernet = problem.model.supernet(directions, data.shape)
    weights = torch.ones(len(directions[0])) if normalised else None
    selections = [Selection(tuple(range(len(names))), weights) for names in directions]
    splits = [data.train, data.test]
    (images, labels), (test, truth) = [(normalise(s.images, data.mean, data.std), s.labels) for s in splits]
    optimizer = torch.optim.AdamW([p for _, p in supernet.weight_parameters()], lr=0.01)
    for batch in torch.cat([torch.randperm(len(labels)) for _ in range(epochs)]).split(64):
        optimizer.zero_grad()
        F.cross_entropy(supernet(images[batch], selections), labels[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return float((supernet(test, selections).argmax(1) == truth).float().mean())


@pytest.mark.parametrize("normalised", [False, True])
def test_alone_the_planted_pair_is_the_best_by_far(normalised):
    others = [("h", "v"), ("v", "w2"), ("v_flip", "w2_flip"), ("h", "h_flip")]
    assert trained(SMALL, SMALL.planted, normalised=normalised) > 0.98
    for pair in others:
        found = trained(SMALL, [pair], normalised=normalised)
        assert found <= SMALL.ceiling([pair]) + 0.07  # 512 test images
        assert found < 0.9


@pytest.mark.slow
def test_alone_the_planted_pair_beats_all_fourteen_others():
    accuracies = {pair: trained(SMALL, [pair]) for pair in PAIRS}
    assert max(accuracies, key=accuracies.__getitem__) == SMALL.planted[0]
    planted = accuracies.pop(SMALL.planted[0])
    assert planted > max(accuracies.values()) + 0.1


@pytest.mark.slow
def test_alone_the_planted_genotype_beats_every_swap_of_one_direction():
    planted = trained(PLANTED, PLANTED.planted)
    swaps = [
        (*PLANTED.planted[:i], pair, *PLANTED.planted[i + 1 :])
        for i, names in enumerate(PLANTED.planted)
        for pair in PAIRS
        if len({*pair} & {*names}) == 1
    ]
    assert planted > 0.98
    assert planted > max(trained(PLANTED, swap) for swap in swaps[::3]) + 0.1


def test_overlap_and_hit():
    assert PLANTED.is_planted(PLANTED.planted)
    assert PLANTED.is_planted([[*names, "zigzag"] for names in PLANTED.planted])
    half = [("v", "h"), ("h", "w2"), ("v", "v_flip")]
    assert PLANTED.overlap(half) == 0.5
    assert not PLANTED.is_planted(half)
    assert PLANTED.overlap([("h", "h_flip"), ("v", "v_flip"), ("w2", "w2_flip")]) == 0


def test_draws_differ_and_repeat():
    drawn = [PlantedProblem.draw(seed) for seed in range(30)]
    assert drawn[7] == PlantedProblem.draw(7)
    assert len({problem.planted for problem in drawn}) > 25
    counts = np.unique([name for problem in drawn for names in problem.planted for name in names], return_counts=True)
    assert len(counts[0]) == len(CANDIDATES)
    assert counts[1].min() > 15


def test_the_candidates_differ():
    assert len(set(distinct(CANDIDATES, *GRID).values())) == len(CANDIDATES)


def test_the_space_keeps_as_many_as_are_planted():
    assert PLANTED.space.bind([GRID] * 3).size == 15**3
    uneven = PlantedProblem((("h",), ("v", "w2")))
    assert uneven.space.bind([GRID] * 2).size == 6 * 15
    assert uneven.data.load().num_classes == 8


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        ((), "at least one layer"),
        (((),), "layer 1 plants nothing"),
        ((("h",), ("h", "spiral")), "layer 2 plants h, spiral"),
        ((("h", "h"),), "layer 1 plants h, h"),
    ],
)
def test_what_cannot_be_planted_is_refused(planted, message):
    with pytest.raises(ScansearchError, match=message):
        PlantedProblem(planted)


def test_orders_that_agree_everywhere_cannot_be_planted_together():
    with pytest.raises(ScansearchError, match="those of layer 1 do not: h, w6"):
        PlantedProblem((("h", "w6"),), candidates=("h", "w6"))


def test_the_model_refuses_wrong_options_and_images():
    with pytest.raises(ScansearchError, match=r"unknown option of model planted 'dept' \(did you mean 'depth'\?\)"):
        PLANTED.model.configure(dept=1)
    with pytest.raises(ScansearchError, match="model option width takes an integer from 1 to 4,096, but got 0"):
        PLANTED.model.configure(width=0)
    with pytest.raises(ScansearchError, match="3 layers, each with a colour of its own"):
        PLANTED.model.network([CANDIDATES] * 3, SHAPE)


def test_the_names_are_there_only_within_the_block():
    with PLANTED.registered() as problem:
        assert DATASETS.get("planted") == problem.data
        assert MODELS.get("planted").options == problem.model.options
    assert "planted" not in DATASETS
    assert "planted" not in MODELS


@pytest.mark.parametrize(
    ("strategy", "settings"), [("darts", {"alpha_warmup": 0.0}), ("single_path", {"generations": 2, "epochs": 15})]
)
def test_a_search_finds_what_is_planted(strategy, settings, tmp_path):
    problem = PlantedProblem((("v", "w2_flip"), ("h", "v_flip")))
    with problem.registered():
        found = scansearch.search(
            tmp_path / "run", space=problem.space, strategy=strategy, model="planted", data="planted",
            **{"epochs": 8, "lr": 0.01, "threads": 1, "checkpoint_steps": 10_000, **settings},
        )  # fmt: skip
    assert problem.is_planted(found)
    assert found.search["derived_accuracy"] > 0.8
