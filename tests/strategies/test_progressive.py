import signal

import pytest
import torch
from toy_search import Oracle, ToySupernet, set_alpha, space, step, strategy

import scansearch
from scansearch.errors import InterruptedRunError
from scansearch.searching.loop import SearchLoop
from scansearch.strategy.step import Plan
from scansearch.training.events import Silent

SCORES = [0.1, 3, 2, -1, 5, 1, 0, 4]


def made(plan=Plan(10, 10, 0), stages=2, keep=4, **settings):  # noqa: B008 (frozen)
    net = ToySupernet(count=8)
    set_alpha(net, SCORES, SCORES[::-1])
    return strategy("progressive", net, space(count=8, keep=keep), plan, stages=stages, **settings), net


def test_eight_six_four():
    found, net = made()
    assert [len(s.indices) for s in found.select(0)] == [8, 8]
    for number in range(9, 49, 10):
        found.after_epoch(step(net, number))
        assert [len(left) for left in found.left] == [8, 8]
    found.after_epoch(step(net, 49))
    assert found.left == [[0, 1, 2, 4, 5, 7], [0, 2, 3, 5, 6, 7]]
    found.after_epoch(step(net, 99))
    assert [len(left) for left in found.left] == [6, 6]
    assert found.choose() == ((1, 2, 4, 7), (0, 3, 5, 6))
    assert float(found.scores()[0][[3, 6]].sum()) == 0


def test_alpha_stands_still_at_the_beginning_of_each_stage():
    found, _ = made(plan=Plan(10, 10, 0))
    assert [found.moves(n) for n in (0, 19, 20, 49, 50, 69, 70, 99)] == [
        False,
        False,
        True,
        True,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(("keep", "sizes"), [(4, [6, 5, 5]), (1, [5, 3, 3])])
def test_three_stages_as_published(keep, sizes):
    found, net = made(Plan(9, 10, 0), stages=3, keep=keep)
    for epoch, size in zip((3, 6, 9), sizes, strict=True):
        found.after_epoch(step(net, epoch * 10 - 1))
        assert [len(left) for left in found.left] == [size, size]
    assert strategy("progressive").settings.stages == 3


def test_more_stages():
    found, net = made(stages=4)
    for number in range(9, 100, 10):
        found.after_epoch(step(net, number))
    assert [len(left) for left in found.left] == [5, 5]


def test_what_dropped_out_survives_a_resume():
    found, net = made()
    found.after_epoch(step(net, 49))
    again, _ = made()
    again.load_state_dict(found.state_dict())
    assert again.left == found.left
    assert [torch.equal(a.weights, b.weights) for a, b in zip(again.select(0), found.select(0), strict=True)] == [
        True,
        True,
    ]


def test_a_stage_never_makes_the_constraints_impossible():
    net = ToySupernet(count=8)
    set_alpha(net, SCORES, SCORES)
    bound = space(count=8, keep=2, constraints=[{"kind": "flip_pairs", "least": 1}])
    found = strategy("progressive", net, bound, stages=3)
    for number in (33, 66, 99):
        found.after_epoch(step(net, number))
        assert bound.allows(found.choose())
        assert all(set(kept) <= set(left) for kept, left in zip(found.choose(), found.left, strict=True))


@pytest.mark.parametrize(("epochs", "stages"), [(5, 2), (3, 2), (7, 3), (2, 4), (1, 2)])
def test_stages_are_whole_epochs(epochs, stages):
    found, net = made(plan=Plan(epochs, 10, 0), stages=stages, fresh=False)
    before = found.left
    for epoch in range(1, epochs + 1):
        moving = [found.moves(n) for n in range((epoch - 1) * 10, epoch * 10)]
        if found.left != before or epoch == 1:
            assert not moving[0]  # a stage begins with an alpha that stands still
        before = found.left
        found.after_epoch(step(net, epoch * 10 - 1))
    assert found.stage == min(stages, epochs) - 1
    assert found.left == before  # nothing drops out after the last update
    assert len(found.notes()) == (stages > epochs)


def test_a_resumed_search_is_in_the_same_stage():
    found, net = made(stages=3)
    for number in range(9, 49, 10):
        found.after_epoch(step(net, number))
    again, other = made(stages=3)
    again.load_state_dict(found.state_dict())
    assert (again.stage, found.stage) == (1, 1)
    for number in range(49, 100, 10):
        found.after_epoch(step(net, number))
        again.after_epoch(step(other, number))
        assert again.left == found.left


def test_scores_are_the_softmax_over_what_is_left():
    found, net = made()
    found.after_epoch(step(net, 49))
    left = found.left[0]
    want = torch.tensor(SCORES, dtype=torch.float64)[left].softmax(0)
    assert torch.allclose(found.scores()[0][left], want)
    assert float(found.scores()[0].sum()) == pytest.approx(1)


@pytest.mark.parametrize("selection", ["magnitude", "one_shot", "perturbation"])
def test_what_dropped_out_never_returns(selection):
    """Not even where a constraint would rather have the partner of the strongest, and alpha has moved since."""
    rule = {"kind": "flip_pairs", "least": 1}
    for seed in range(20):
        generator, net = torch.Generator().manual_seed(seed), ToySupernet(layers=1, count=8)
        bound = space(count=8, keep=2, layers=1, constraints=[rule])
        found = strategy("progressive", net, bound, selection=selection, tuning=0, judged=5, stages=2)
        set_alpha(net, torch.randn(8, generator=generator).tolist())
        found.after_epoch(step(net, 49))
        set_alpha(net, (3 * torch.randn(8, generator=generator)).tolist())
        found.finish(Oracle(lambda selections: 0.5))
        assert set(found.choose()[0]) <= set(found.left[0])
        assert bound.allows(found.choose())


def test_layers_keep_as_many_as_lie_above_the_mean_of_what_is_left():
    net = ToySupernet(layers=1, count=8)
    found = strategy("progressive", net, space(count=8, keep=(2, 4), layers=1), stages=2)
    set_alpha(net, SCORES)
    found.after_epoch(step(net, 49))
    set_alpha(net, [0, 1.0, 0.1, 0, 1.0, 0.1, 0, 0.1])  # six are left, and two of them lie above 1/6
    assert found.left == [[0, 1, 2, 4, 5, 7]]
    assert found.choose() == ((1, 4),)


@pytest.mark.parametrize(("epochs", "said"), [(12, False), (11, True), (2, True)])
def test_a_search_says_that_its_stages_are_short_for_fresh_weights(epochs, said):
    assert any("begin anew" in note for note in made(Plan(epochs, 10, 0), stages=3, fresh=True)[0].notes()) is said
    assert not any("begin anew" in note for note in made(Plan(epochs, 10, 0), stages=3)[0].notes())


def test_alpha_learns_at_the_published_rate():
    found, _ = made(Plan(75, 260, 0), stages=3)
    (group,) = found.optimizer.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (6e-4, (0.5, 0.999), 1e-3)


def test_a_fresh_stage_has_a_fresh_optimiser_of_alpha():
    for fresh in (True, False):
        found, net = made(fresh=fresh, still=0.0)
        assert found.traits.restarts == ((5,) if fresh else ())
        seen = []
        for number in (48, 49, 50, 51):
            found.before_weights(step(net, number))
            seen.append(int(found.optimizer.state[net.alphas[0]]["step"]))
        assert seen == ([1, 2, 1, 2] if fresh else [1, 2, 3, 4])


RUN = {
    "model": "local_vim_nano", "depth": 2, "epochs": 4, "limit": 256, "batch_size": 32, "strategy": "progressive", "stages": 2,
    "checkpoint_steps": 1000, "warmup_epochs": 0, "fresh": True,
}  # fmt: skip


class Watch(Silent):
    """Remembers the rate of the weights and a weight, after every step; stops after the step of this number."""

    def __init__(self, monkeypatch, stop=None):
        self.rates, self.weights, self.stop, self.made = [], [], stop, 0
        real, outer = SearchLoop._train_step, self

        def step(loop):
            real(loop)
            outer.rates.append(loop.weights.optimizer.param_groups[0]["lr"])
            outer.weights.append(loop.supernet.layers[0].mixer.in_proj.weight.detach().clone())

        monkeypatch.setattr(SearchLoop, "_train_step", step)

    def stepped(self, progress):
        if progress.step == self.stop:
            signal.raise_signal(signal.SIGTERM)


def test_a_fresh_stage_begins_with_other_weights_and_a_new_schedule(tmp_path, monkeypatch):
    fresh, on = Watch(monkeypatch), None
    scansearch.search(tmp_path / "fresh", listener=fresh, **RUN)
    monkeypatch.undo()
    on = Watch(monkeypatch)
    scansearch.search(tmp_path / "on", listener=on, **{**RUN, "fresh": False})
    half = len(fresh.rates) // 2
    assert fresh.rates[half:] == fresh.rates[:half]
    assert fresh.rates[0] == max(fresh.rates)
    assert on.rates == sorted(on.rates, reverse=True)
    jump, usual = (float((w.weights[half] - w.weights[half - 1]).norm()) for w in (fresh, on))
    assert jump > 10 * usual
    assert float((fresh.weights[half] - fresh.weights[0]).norm()) > 10 * usual  # and not those of the beginning


@pytest.mark.parametrize("at", [7, 8, 9])
def test_a_run_stopped_about_a_fresh_stage_resumes_byte_for_byte(at, tmp_path, monkeypatch):
    """The stage begins with update 8."""
    scansearch.search(tmp_path / "whole", **RUN)
    with pytest.raises(InterruptedRunError):
        scansearch.search(tmp_path / "cut", listener=Watch(monkeypatch, at), **RUN)
    scansearch.resume(tmp_path / "cut")
    newest = [max((tmp_path / name / "checkpoints").glob("step-*")).name for name in ("whole", "cut")]
    assert newest[0] == newest[1]  # the name holds a checksum of the weights
    assert (tmp_path / "whole" / "scores.csv").read_bytes() == (tmp_path / "cut" / "scores.csv").read_bytes()
