"""Nothing here is timed: the clock and the networks' times are made up."""

import numpy as np
import pytest
import torch

from scansearch.cost import latency_table
from scansearch.cost.stopwatch import RUNS, Stopwatch, find_device
from scansearch.errors import ScansearchError
from scansearch.models.local_vim import LocalVimSpec
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

SHAPE = ImageShape(8, 8, channels=1, classes=5)
CANDIDATES = [("h", "v", "w2")] * 2 + [("h", "v")] * 3
EARLY, LATE = {"h": 1.0, "v": 2.0, "w2": 4.0}, {"h": 0.5, "v": 0.25}
FIXED = 10.0


def true_time(directions):
    return FIXED + sum((EARLY if i < 2 else LATE)[name] for i, names in enumerate(directions) for name in names)


class Fake:
    """A measure that remembers what it was asked."""

    def __init__(self, disturb=lambda call: 0.0):
        self.asked, self.disturb = [], disturb

    def __call__(self, directions):
        self.asked.append([tuple(names) for names in directions])
        return true_time(directions) + self.disturb(len(self.asked))


def measured(spec, measure, candidates=CANDIDATES, **options):
    return latency_table(spec, candidates, SHAPE, measure=measure, **options)


def test_additive_times_are_taken_apart_exactly(hierarchy):
    table = measured(hierarchy, Fake())
    assert table.fixed == pytest.approx(FIXED)
    for layer, true in zip(table.layers, [EARLY] * 2 + [LATE] * 3, strict=True):
        assert layer.directions == pytest.approx(true)
    assert [layer.grid for layer in table.layers] == [(8, 8)] * 2 + [(4, 4)] * 3
    assert table.unit == "ms"
    assert table.spread == 0
    assert table.residual == pytest.approx(0, abs=1e-9)
    directions = [["h", "w2"], ["v"], ["h"], ["v"], ["h", "v"]]
    assert table.cost(directions) == pytest.approx(true_time(directions))


def test_disturbed_rounds_do_not_count(hierarchy):
    """Every network is hit hard in two rounds of five, other ones each time."""
    table = measured(hierarchy, Fake(lambda call: 500.0 if call % 5 < 2 else 0.0), repeats=5)
    assert table.layers[0].directions == pytest.approx(EARLY)
    assert table.spread > 0


def test_noise_is_reported(hierarchy):
    noise = np.random.default_rng(0).normal(0, 0.3, 10_000)
    table = measured(hierarchy, Fake(lambda call: float(noise[call])), repeats=25)
    assert table.layers[0].directions == pytest.approx(EARLY, abs=0.3)
    assert 0.2 < table.spread < 0.8  # 1.35 standard deviations
    assert 0 < table.residual < 0.3


def test_no_cost_is_negative(hierarchy):
    table = measured(hierarchy, lambda directions: 5.0 - 0.1 * sum("v" in names for names in directions))
    assert table.layers[0].directions["v"] == 0
    assert min(cost for layer in table.layers for cost in layer.directions.values()) == 0


def test_like_layers_run_alike_and_rounds_repeat_the_same_networks(hierarchy):
    fake = Fake()
    measured(hierarchy, fake, repeats=3)
    rounds = np.array_split(np.arange(len(fake.asked)), 3)
    networks = [[fake.asked[i] for i in part] for part in rounds]
    assert networks[0] == networks[1] == networks[2]
    for directions in networks[0]:
        assert len(set(directions[:2])) == len(set(directions[2:])) == 1
    assert len(networks[0]) >= 2 * (1 + 3 + 2)


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_networks_keep_what_the_space_keeps(hierarchy, most):
    fake = Fake()
    measured(hierarchy, fake, repeats=1, most=most)
    sizes = {len(names) for directions in fake.asked for names in directions[:2]}
    assert sizes == set(range(1, min(max(most, 2), 3) + 1))  # with one size alone nothing could be told apart


def test_candidates_take_turns(hierarchy):
    fake = Fake()
    wide = tuple(f"w{n}" for n in range(2, 34))
    latency_table(
        hierarchy, [wide] * 5, SHAPE, repeats=1, measure=lambda directions: fake.asked.append(directions) or 1.0
    )
    counts = [sum(name in directions[0] for directions in fake.asked) for name in wide]
    assert max(counts) - min(counts) <= 1


def test_a_layer_without_a_choice(hierarchy):
    candidates = [("h",)] * 2 + [("h", "v")] * 3
    table = measured(hierarchy, Fake(), candidates)
    assert table.layers[-1].directions == pytest.approx(LATE)
    assert table.cost([["h"]] * 5) == pytest.approx(true_time([["h"]] * 5))


def test_progress_counts_up_to_the_end(hierarchy):
    told = []
    measured(hierarchy, Fake(), repeats=2, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(len(told)))
    assert told[-1] == (len(told) - 1,) * 2


def test_wrong_number_of_layers(hierarchy):
    with pytest.raises(ScansearchError, match="theirs has 5 layers, but candidates for 1 were given"):
        measured(hierarchy, Fake(), [("h",)])


def nano():
    return MODELS.get("local_vim_nano").configure(depth=2, patch_size=4, scan_backend="torch")


def ticking(seconds):
    """A clock that shows these durations, one for each start and stop."""
    readings = iter(reading for duration in seconds for reading in (0.0, duration))
    return lambda: next(readings)


@pytest.mark.parametrize("training", [False, True])
def test_the_stopwatch_takes_the_fastest_run_but_for_the_first(training):
    clock = ticking([0.001, 0.030, 0.020, 0.025])
    watch = Stopwatch(nano(), SHAPE, batch_size=2, device=torch.device("cpu"), training=training, clock=clock)
    assert RUNS == 3
    assert watch([("h",), ("v",)]) == pytest.approx(20.0)


@pytest.mark.parametrize("training", [False, True])
def test_training_runs_backward_and_inference_does_not(training):
    built = []

    class Watched(LocalVimSpec):
        def network(self, directions, shape):
            built.append(super().network(directions, shape))
            return built[-1]

    spec = Watched("watched", "", depth=2, patch_size=4, embed_dim=16, scan_backend="torch")
    Stopwatch(spec, SHAPE, batch_size=2, device=torch.device("cpu"), training=training)([("h",), ("v",)])
    (network,) = built
    assert network.training is training
    assert (network.head.weight.grad is not None) is training


def test_a_real_backbone_from_end_to_end():
    """Only that it runs: what it measures is this machine's business."""
    state = torch.random.get_rng_state()
    table = latency_table(nano(), [("h", "v")] * 2, SHAPE, batch_size=1, repeats=1)
    assert table.model == "local_vim_nano"
    assert "forward pass of 1 images" in table.source
    assert "scan backend torch" in table.source
    assert set(table.layers[0].directions) == {"h", "v"}
    assert torch.equal(torch.random.get_rng_state(), state)


def test_devices(monkeypatch):
    assert find_device("cpu") == torch.device("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")
    with pytest.raises(ScansearchError, match="device must be auto, cpu, or a GPU .* got 'toaster'"):
        find_device("toaster")
    with pytest.raises(ScansearchError, match=r"device 'meta' does not work here \(.*\); use --device cpu"):
        find_device("meta")


def test_more_costs_than_can_be_measured_are_refused_before_a_network_is_built(hierarchy):
    many = [tuple(f"random:{i}" for i in range(500))] * 2 + [tuple(f"random:{i}" for i in range(500, 1000))] * 3
    measure = Fake()
    with pytest.raises(
        ScansearchError, match="at most 1,000 costs are measured together, but .* are 1,001; take fewer"
    ):
        measured(hierarchy, measure, many)
    assert not measure.asked
