from __future__ import annotations

import pytest
import torch

from scansearch.data.dense import IGNORED
from scansearch.retraining.pixel_predictions import PixelPredictions
from scansearch.retraining.predictions import Predictions, calibration_error


def made() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 3, (5, 4, 6), generator=random)
    targets[targets == 2] = IGNORED  # class 2 is predicted, but never there
    logits = torch.randn(5, 4, 4, 6, generator=random)
    logits[:, 3] = -9.0  # and class 3 neither
    return logits, targets


def test_sums_are_those_of_every_pixel_for_itself():
    logits, targets = made()
    found = PixelPredictions.joined(PixelPredictions.of(logits[i : i + 2], targets[i : i + 2]) for i in (0, 2, 4))
    counted = targets != IGNORED
    every = Predictions.of(logits.movedim(1, -1)[counted], targets[counted])
    assert found.pixels == int(counted.sum())
    assert found.accuracy == pytest.approx(every.accuracy)
    assert found.mean_loss == pytest.approx(every.mean_loss)
    assert found.confusions() == every.confusions()
    assert [b.images for b in found.bins()] == [b.images for b in every.bins()]
    assert calibration_error(found.bins()) == pytest.approx(calibration_error(every.bins()))
    names = ["a", "b", "c", "d"]
    told = [(c.name, c.images, c.accuracy) for c in found.classes(names)]
    assert told == [(c.name, c.images, c.accuracy) for c in every.classes(names)]


def test_iou_is_the_overlap_over_the_union():
    logits, targets = made()
    found, counted, predicted = PixelPredictions.of(logits, targets), targets != IGNORED, logits.argmax(1)
    wanted = []
    for number in range(4):
        of, taken = (targets == number) & counted, (predicted == number) & counted
        union = int((of | taken).sum())
        wanted.append(int((of & taken).sum()) / union if union else None)
    assert found.ious == wanted
    assert (wanted[2], wanted[3]) == (0.0, None)
    assert found.mean_iou == pytest.approx(sum(wanted[:3]) / 3)
    assert [c.iou for c in found.classes(["a", "b", "c", "d"])] == wanted
