"""What the loop gives a strategy, seen by one that writes everything down."""

from itertools import pairwise
from unittest.mock import patch

import pytest
import torch
from scansearch.strategies.darts import Darts

import scansearch
from scansearch.registry import STRATEGIES
from scansearch.strategy.sandwich import StudentDraws
from scansearch.training import feed as feed_module
from scansearch.training import meter as meter_module
from scansearch.training.batches import generator
from scansearch.training.events import Silent
from scansearch.training.feed import Feed
from scansearch.training.meter import LOG_STEPS
from scansearch.training.weights import TUNING_RATE

RUN = {
    "model": "local_vim_nano", "depth": 1, "epochs": 2, "limit": 96, "batch_size": 32, "validation_limit": 40, "patch_size": 4,
    "scan_backend": "torch",
}  # fmt: skip
LR = 3e-3
TUNINGS = 6


class Probe(Darts):
    """Darts that keeps what it is given."""

    kept: dict = {}  # noqa: RUF012

    @property
    def traits(self):
        return super().traits._replace(tunings=TUNINGS, judgements=4)

    def before_weights(self, step):
        self.kept.setdefault("steps", []).append(step)
        super().before_weights(step)

    def after_epoch(self, step):
        self.kept.setdefault("training", []).append(self.supernet.training)
        self.kept.setdefault("recent", []).append(step.recent(3))

    def finish(self, evaluate):
        loop = self.kept["loop"] = evaluate.loop
        self.kept["moments"] = len(loop.weights.optimizer.state)
        self.kept["tuned"], self.kept["alphas"] = [], [self.alphas()[0].detach().clone()]
        for _ in range(TUNINGS):
            evaluate.tune(1)
            self.kept["tuned"].append((loop.weights.optimizer.param_groups[0]["lr"], _updates(loop)))
            self.kept["alphas"].append(self.alphas()[0].detach().clone())
        seen = self.kept["judged"] = []
        kind = type(loop.data.validation)
        batch = kind.batch
        with patch.object(
            kind, "batch", lambda split, samples: (seen.append(samples.clone()), batch(split, samples))[1]
        ):
            evaluate.on(4, self.evaluation())
            evaluate(self.evaluation())


def _updates(loop):
    return max(int(state["step"]) for state in loop.weights.optimizer.state.values())


@pytest.fixture
def probed(tmp_path):
    def run(**settings):
        Probe.kept = {}
        scansearch.search(tmp_path / "run", strategy="probe", mixture="keep", **{**RUN, **settings})
        return Probe.kept

    STRATEGIES.register("probe", Probe)
    yield run
    STRATEGIES.unregister("probe")


def test_measurements_are_made_in_evaluation_mode(probed):
    assert probed()["training"] == [False, False]


def test_recent_batches_are_those_that_alpha_learns_from(probed):
    kept = probed(level="bilevel")
    last = kept["recent"][-1]
    held_out = [step.held_out for step in kept["steps"][:-TUNINGS]][-len(last) :]
    assert [torch.equal(a.images, b.images) for a, b in zip(last, held_out, strict=True)] == [True] * len(last)


def test_recent_batches_of_joint_alpha_are_the_weights(probed):
    kept = probed()
    assert torch.equal(kept["recent"][-1][-1].images, kept["steps"][-TUNINGS - 1].train.images)


def test_every_batch_is_augmented_with_numbers_of_its_own(probed, monkeypatch):
    used = []
    monkeypatch.setattr(feed_module, "generator", lambda *key: (used.append(key), generator(*key))[1])
    steps = probed(level="bilevel")["steps"]
    assert len(set(used)) == 2 * len(steps)  # of the weights' batches and of the held-out ones, also while it tunes
    assert {key[:1] for key in used} == {(0,)}  # the seed


def test_the_weights_gradient_is_clipped_and_alphas_is_not(probed):
    kept = probed(clip_norm=1e-3)
    loop = kept["loop"]
    for parameter in loop.supernet.parameters():
        parameter.grad = torch.full_like(parameter, 10.0)
    loop.weights.update()
    weights = [p for _, p in loop.supernet.weight_parameters()]
    assert float(torch.cat([p.grad.flatten() for p in weights]).norm()) == pytest.approx(1e-3, rel=1e-3)
    assert all(float(a.grad.min()) == 10.0 for a in loop.supernet.architecture_parameters())


def test_fine_tuning_has_a_fresh_optimiser_and_a_rate_that_falls_from_a_tenth(probed):
    kept = probed(lr=LR)
    assert kept["moments"] > 0
    rates = [rate for rate, _ in kept["tuned"]]
    assert rates[0] == pytest.approx(TUNING_RATE * LR) == pytest.approx(LR / 10)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] / 5
    assert [updates for _, updates in kept["tuned"]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("level", ["joint", "bilevel"])
def test_fine_tuning_goes_on_with_the_strategys_own_steps(probed, level):
    kept = probed(level=level, lr=LR)
    plan, steps = kept["loop"].plan, kept["steps"]
    assert [step.number for step in steps] == list(range(plan.steps + TUNINGS))
    assert [step.schedule for step in steps[plan.steps :]] == pytest.approx([rate / LR for rate, _ in kept["tuned"]])
    assert len(kept["alphas"]) == TUNINGS + 1
    assert all(not torch.equal(one, other) for one, other in pairwise(kept["alphas"]))


def test_a_rough_judgement_takes_some_images_evenly_spaced_and_a_whole_one_all(probed):
    kept = probed()
    rough, whole = kept["judged"][0], torch.cat(kept["judged"][1:])
    count = len(kept["loop"].data.validation)
    assert rough.tolist() == [0, count // 4, count // 2, 3 * count // 4]
    assert whole.tolist() == list(range(count))
    assert kept["loop"].judged == 2


@pytest.mark.parametrize("settings", [{}, {"level": "bilevel"}, {"strategy": "sigmoid"}, {"sandwich": 1}], ids=str)
def test_a_step_reads_nothing_from_the_device_but_once_a_log_interval(tmp_path, waits, monkeypatch, settings):
    """Batches and sub-networks apart, which are drawn on the CPU whatever the device is."""
    monkeypatch.setattr(meter_module, "GLANCE_S", float("inf"))
    seen = []

    class Watch(Silent):
        def stepped(self, progress):
            seen.append(list(waits))
            waits.clear()

    def unseen(real):
        def drawn(*arguments, **more):
            before = list(waits)
            found = real(*arguments, **more)
            waits[:] = before
            return found

        return drawn

    monkeypatch.setattr(Feed, "_ahead", lambda *arguments, real=Feed._ahead: unseen(real(*arguments)))
    monkeypatch.setattr(StudentDraws, "draw", unseen(StudentDraws.draw))
    run = {**RUN, "batch_size": 4, "limit": 96, "epochs": 1, "checkpoint_steps": 1000, **settings}
    scansearch.search(tmp_path / "run", listener=Watch(), **run)
    seen[0] = []  # what comes before the first step
    intervals = [number for number in range(1, len(seen) + 1) if number % LOG_STEPS == 0 or number == len(seen)]
    assert {number: read for number, read in enumerate(seen, 1) if read} == {number: ["tolist"] for number in intervals}
    assert len(intervals) > 1


def test_what_a_strategy_remarks_is_told_after_the_epoch_with_its_training_accuracy(probed, monkeypatch):
    asked, told = [], []

    class Hears(Silent):
        def epoch_done(self, row):
            told.append(row["train_accuracy"])

        def warned(self, message):
            told.append(message)

    monkeypatch.setattr(
        Probe, "remarks", lambda self, step, epoch: (asked.append(step.number), [f"right: {epoch.train_accuracy}"])[1]
    )
    kept = probed(listener=Hears())
    after = kept["loop"].plan.steps_per_epoch
    assert asked == [after - 1, 2 * after - 1]
    first, second = (told.index(f"right: {accuracy}") for accuracy in told if isinstance(accuracy, float))
    assert told[first - 1] == float(told[first].split()[1])
    assert told[second - 1] == float(told[second].split()[1])
