"""The lines that a run leaves on a screen."""

import pytest

from scansearch.display.lines import SEARCH, SUPERNET, TRAINING, from_to, lines_of
from scansearch.runs.tables import EpochRow, MetricsRow

ACCURACY = EpochRow(3, 30, 1.25, 0.5, 0.75, 0.625, 0.625, "accuracy", 1e-3)
MEAN_IOU = ACCURACY._replace(worth=0.4375, measure="mean_iou")


def test_a_training_of_classes_tells_its_accuracy_once():
    assert TRAINING.header({"measure": "accuracy"}) == "epoch  train loss     acc  val loss     acc       lr"
    assert TRAINING.epoch(ACCURACY._asdict()) == "    3       1.250   50.0%     0.750   62.5%  1.0e-03"


def test_a_training_on_masks_tells_its_mean_iou_too():
    assert TRAINING.header({"measure": "mean_iou"}) == "epoch  train loss     acc  val loss     acc  mean IoU       lr"
    assert TRAINING.epoch(MEAN_IOU._asdict()) == "    3       1.250   50.0%     0.750   62.5%     43.8%  1.0e-03"


def test_a_search_tells_the_same():
    row = MetricsRow(
        **{**MEAN_IOU._asdict(), "alpha_lr": 0.01, "entropy": 0.99, "margin": 0.002, "genotype_changes": 3}
    )
    assert SEARCH.epoch(row._asdict()) == TRAINING.epoch(MEAN_IOU._asdict())[:-7] + "  0.990   2.0e-03        3"


@pytest.mark.parametrize("row", [ACCURACY, MEAN_IOU])
def test_columns_end_where_their_names_do(row):
    searched = {**row._asdict(), "entropy": 0.99, "margin": 0.002, "genotype_changes": 3}
    for lines, told in ((TRAINING, row._asdict()), (SEARCH, searched), (SUPERNET, searched)):
        assert len(lines.epoch(told)) == len(lines.header({"measure": row.measure}))


def test_numbers_that_differ_from_layer_to_layer_are_told_from_the_least_to_the_most():
    assert [from_to(values) for values in ([4], [2, 4], [1, 2, 4, 6])] == ["4", "2 to 4", "1 to 6"]


def test_the_facts_of_a_run_tell_its_lines():
    assert [lines_of(facts) for facts in ({}, {"gradual": True}, {"gradual": False})] == [TRAINING, SEARCH, SUPERNET]
