"""What the end of a run says of its genotype's worth, by the measure of its task."""

import pytest

from scansearch.cli.genotype_table import warn_unsettled
from scansearch.cli.run_summary import _show_front, _show_worth
from scansearch.genotype import Genotype


@pytest.mark.parametrize(
    ("search", "measure", "says"),
    [
        ({"trained_accuracy": 0.5}, "accuracy", "reached 50.0% on validation images: the best that was judged"),
        ({"trained_mean_iou": 0.5}, "mean_iou", "trained from scratch, reached mean IoU 50.0% on validation images"),
        (
            {"supernet_mean_iou": 0.5, "derived_mean_iou": 0.5},
            "mean_iou",
            "sub-network of the supernet reaches mean IoU 50.0% on",
        ),
        ({"supernet_mean_iou": 0.4, "derived_mean_iou": 0.3}, "mean_iou", "supernet mean IoU 40.0% on validation"),
        ({"supernet_accuracy": 0.4, "derived_accuracy": 0.3}, "accuracy", "supernet 40.0% on validation"),
    ],
)
def test_it_says_by_what_a_network_was_judged(search, measure, says, capsys):
    _show_worth(search, measure)
    assert says in " ".join(capsys.readouterr().out.split())


def test_what_is_expected_to_be_best_is_not_called_the_best_that_was_judged(capsys):
    _show_worth({"trained_accuracy": 0.5, "settings": {"pick": "expected"}}, "accuracy")
    assert capsys.readouterr().out.strip().endswith("50.0% on validation images")


def test_the_front_is_listed_from_the_worst_to_the_best(tmp_path, capsys):
    for number, worth in ((1, 0.7), (2, 0.2)):
        search = {"derived_mean_iou": worth, "cost": f"{number} directions"}
        Genotype.from_dict({"layers": [{"directions": ["h"]}], "search": search}).save(tmp_path / f"{number}.json")
    _show_front(tmp_path, "mean_iou")
    head, *rows = capsys.readouterr().out.strip().splitlines()
    assert "has as much mean IoU and is cheaper" in head
    assert [row.split()[0] for row in rows] == ["20.0%", "70.0%"]


@pytest.mark.parametrize(
    ("noise", "why"), [(None, "fewer than three epochs are too short"), (0.2, "the margin between")]
)
def test_a_layer_that_has_not_settled_is_told_why(noise, why, capsys):
    layer = {
        "directions": ["h"],
        "scores": {"h": 0.6, "v": 0.5},
        "margin": 0.1,
        "settled": False,
        "margin_noise": noise,
    }
    warn_unsettled(Genotype.from_dict({"layers": [layer]}))
    assert f"note: 1 of 1 layers (1) have not settled: {why}" in " ".join(capsys.readouterr().out.split())
