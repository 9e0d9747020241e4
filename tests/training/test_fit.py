"""Training from the first step to the last, without waiting for the device within a step."""

import pytest
import torch
from torch.nn import functional as F

from scansearch.errors import DivergenceError
from scansearch.training import meter as meter_module
from scansearch.training.events import Silent
from scansearch.training.fit import fit
from scansearch.training.meter import LOG_STEPS


class Heard(Silent):
    def __init__(self):
        self.steps = []

    def stepped(self, progress):
        self.steps.append(progress)


def test_it_is_the_loop_that_one_would_write(feed, weights):
    fed, recorder = feed(), Heard()
    found = weights(fed)
    torch.manual_seed(1)
    fit(found, fed, recorder)
    plain = weights(fed)
    network, optimizer = plain.network, plain.optimizer
    torch.manual_seed(1)
    network.train()
    for step in range(15):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * plain.factor(step)
        batch = fed.train(step)
        optimizer.zero_grad()
        F.cross_entropy(network(batch.images), batch.targets, label_smoothing=0.1).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    for one, other in zip(found.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert [progress.step for progress in recorder.steps] == list(range(1, 16))
    assert [progress.epoch for progress in recorder.steps] == [1] * 5 + [2] * 5 + [3] * 5


def test_what_a_recorder_raises_ends_it(feed, weights):
    class Enough(Heard):
        def stepped(self, progress):
            super().stepped(progress)
            if progress.step == 4:
                raise KeyboardInterrupt

    fed, recorder = feed(), Enough()
    with pytest.raises(KeyboardInterrupt):
        fit(weights(fed), fed, recorder)
    assert len(recorder.steps) == 4


def test_a_loss_that_is_not_finite_ends_it_within_a_log_interval(feed, weights, monkeypatch):
    fed, recorder = feed(batch_size=2), Heard()
    found = weights(fed)
    losses = iter([1.0] * 12 + [float("nan")] * 60)
    monkeypatch.setattr(found, "loss", lambda logits, targets: F.cross_entropy(logits, targets) * next(losses))
    with pytest.raises(DivergenceError, match="the loss became nan at step 12; start anew"):
        fit(found, fed, recorder)
    assert len(recorder.steps) == 2 * LOG_STEPS - 1


def test_a_step_reads_nothing_from_the_device_but_once_a_log_interval(feed, weights, waits, monkeypatch):
    monkeypatch.setattr(meter_module, "GLANCE_S", float("inf"))
    fed, seen = feed(batch_size=2), []
    found = weights(fed, epochs=2)  # 20 steps each
    monkeypatch.setattr(fed, "_train", lambda number: made[number])
    made = [fed._begin_train(number)() for number in range(40)]  # drawn and read on the CPU, whatever the device is
    waits.clear()

    class Watch(Silent):
        def stepped(self, progress):
            seen.append(list(waits))
            waits.clear()

    fit(found, fed, Watch())
    assert [number + 1 for number, read in enumerate(seen) if read] == [10, 20, 30, 40]
    assert set(map(len, seen)) == {0, 1}
