"""``scansearch bench``. Nothing is timed: where milliseconds are asked for, the stopwatch is made up."""

import json

import pytest

from scansearch.cost import CostTable

FLOPS = ("bench", "--unit", "flops")
TINY = (*FLOPS, "--model", "local_vim_tiny")
MS = ("bench", "--model", "local_vim_nano", "--image-size", "8", "--repeats", 2, "--set", "patch_size=1")


@pytest.fixture
def stopwatch(monkeypatch):
    """Every network takes 3 ms, and 0.5 ms more for each direction of a layer."""

    class Stopwatch:
        def __init__(self, spec, shape, **options):
            assert options["batch_size"] == 8

        def __call__(self, directions):
            return 3.0 + 0.5 * sum(map(len, directions))

        def describe(self):
            return "made up"

    monkeypatch.setattr("scansearch.cost.stopwatch.Stopwatch", Stopwatch)


def test_flops_of_a_published_genotype(call):
    result = call(*TINY, "--formula", "localmamba", "--genotype", "local_vim_tiny")
    assert result.status == 0, result.err
    assert "1 to 20  14 x 14" in result.out
    assert "whole network that keeps 4 a layer: 1.482 G; directions are 33% of it" in result.out
    assert "this genotype: 1.482 G" in result.out


def test_json_and_file_hold_the_same_table(call, here):
    result = call(*TINY, "--formula", "localmamba_all", "--json", "--out", "costs.json")
    data = json.loads(result.out)
    table = CostTable.load("costs.json")
    assert CostTable.from_dict(data["costs"]) == table
    assert data["network"]["cheapest"] == data["network"]["dearest"] == table.cost([["h", "v", "w2", "w7"]] * 20)
    assert round(data["network"]["cheapest"] / 1e9, 3) == 1.755
    assert "costs.json" in result.err


def test_milliseconds(call, stopwatch, here):
    result = call(*MS, "--out", "costs.json")
    assert result.status == 0, result.err
    assert "1 to 4  8 x 8" in result.out
    assert "0.5 ms" in result.out
    assert "whole network that keeps 4 a layer: 11 ms; directions are 73% of it" in result.out
    table = CostTable.load("costs.json")
    assert table.unit == "ms"
    assert table.source == "made up; medians of 2 rounds"
    assert table.cost([["h", "v"]] * 4) == pytest.approx(7.0)


def test_directions_are_listed_from_the_cheapest_to_the_dearest(call):
    arguments = (*TINY, "--set", "windows=padded", "--image-size", "240", "--set", "depth=2")
    told = call(*arguments).out
    lines = [line.split() for line in told[told.index("direction ") :].splitlines()]
    assert lines[0] == ["direction", "on", "15", "x", "15"]
    assert [line[0] for line in lines[1:9]] == ["h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"]
    prices = [float(line[1]) for line in lines[1:9]]
    assert prices == sorted(prices)
    assert prices[0] < prices[-1]
    (group,) = json.loads(call(*arguments, "--json").out)["ranking"]
    assert (group["layers"], group["grid"]) == ([1, 2], [15, 15])
    costs = [entry["cost"] for entry in group["directions"]]
    assert costs == sorted(costs)
    assert [entry["direction"] for entry in group["directions"]][0::7] == ["h", "w7_flip"]


def test_of_many_directions_the_cheapest_and_the_dearest_are_listed(call):
    told = call(*TINY, "--set", "windows=padded", "--image-size", "240", "--space", "wide32", "--set", "depth=1").out
    assert "the 12 cheapest and the 12 dearest; --json and --out tell the 8 between them too" in told


def test_directions_that_cost_the_same_are_not_listed_one_by_one(call):
    told = call(*TINY).out
    assert "all directions of a layer cost the same" in told
    assert "w7_flip" not in told


def test_keep_and_options_of_the_model_can_be_set(call):
    shown = json.loads(call(*TINY, "--set", "keep=2", "--set", "depth=3", "--json").out)
    assert len(shown["costs"]["layers"]) == 3
    assert "keeps 2 a layer" in call(*TINY, "--set", "keep=2").out


def test_a_merged_direction_costs_what_its_equal_costs(call, here):
    """On a grid of 7 x 7, w7 is h and has no cost of its own."""
    result = call(*TINY, "--set", "patch_size=32", "--genotype", "local_vim_tiny", "--json")
    data = json.loads(result.out)
    assert "w7" not in data["costs"]["layers"][0]["directions"]
    assert data["network"]["genotype"] == data["network"]["cheapest"]


def test_images_need_not_be_square(call):
    shown = json.loads(call(*TINY, "--image-size", "64x96", "--json").out)
    assert shown["costs"]["image_size"] == [64, 96]
    assert shown["costs"]["layers"][0]["grid"] == [4, 6]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--unit flop", "unknown unit 'flop' (did you mean 'flops'?); there is: ms, flops"),
        ("--formula vmamba", "but got --formula vmamba; add --unit flops"),
        ("--unit flops --formula nope", "unknown FLOP formula 'nope'; there is: vmamba, localmamba, localmamba_all"),
        ("--image-size 8y", "an image size is a side or HEIGHTxWIDTH, each 1 to 4096, for example 224 or 192x256"),
        ("--image-size 0", "but got '0'"),
        ("--image-size 9999", "but got '9999'"),
        ("--model nope", "unknown model 'nope'"),
        ("--space nope", "unknown search space 'nope'"),
        ("--set depht=2", "unknown setting 'depht' (did you mean 'depth'?)"),
        ("--set keep=9", "keeps 9 of 8"),
        ("--genotype local_vim_tiny", "a genotype for local_vim_micro has 6 layers, but this one has 20"),
        ("--batch-size 0", "invalid value for '--batch-size'"),
        ("--repeats 0", "invalid value for '--repeats'"),
        ("--device toaster", "device must be auto, cpu, or a GPU such as cuda or cuda:1, but got 'toaster'"),
        ("--unit flops --out /dev/null/costs.json", "cannot write /dev/null/costs.json"),
    ],
)
def test_bad_input(refused, here, arguments, says):
    assert says in refused("bench", *arguments.split())
    assert not list(here.iterdir())


def test_an_unknown_direction_of_a_genotype_is_found_before_anything_is_measured(refused, here):
    (here / "g.json").write_text(json.dumps([["h", "w3"]] * 6))
    assert "unknown candidate of layer 1 'w3'" in refused("bench", "--genotype", "g.json")


def test_ctrl_c(refused, here, monkeypatch):
    def interrupted(self, directions):
        raise KeyboardInterrupt

    monkeypatch.setattr("scansearch.cost.stopwatch.Stopwatch.__call__", interrupted)
    line = refused(*MS, "--out", "costs.json", status=130)
    assert line == "stopped while measuring; no cost table was written\n"
    assert not list(here.iterdir())
