import math
from functools import partial

import pytest
import torch
from toy_search import ToySupernet, set_alpha, step, strategy

import scansearch
from scansearch.errors import ScansearchError
from scansearch.strategy.gradient import curvature as module
from scansearch.strategy.gradient.curvature import Curvature, largest_eigenvalue
from scansearch.strategy.step import Plan
from scansearch.training.events import Silent


@pytest.mark.parametrize("sizes", [(1,), (2,), (3, 5), (8,) * 6])
def test_the_largest_eigenvalue_of_a_quadratic(sizes):
    generator = torch.Generator().manual_seed(len(sizes))
    total = sum(sizes)
    matrix = torch.randn(total, total, generator=generator)
    matrix = matrix + matrix.T
    alphas = [torch.nn.Parameter(torch.randn(n, 1, 1, 1, generator=generator)) for n in sizes]
    before = [alpha.detach().clone() for alpha in alphas]

    def loss():
        v = torch.cat([alpha.flatten() for alpha in alphas])
        return v @ matrix @ v / 2

    found = largest_eigenvalue(alphas, [loss], tolerance=1e-4)
    assert found == pytest.approx(float(torch.linalg.eigvalsh(matrix.double())[-1]), rel=1e-2)
    assert all(map(torch.equal, alphas, before))


def test_a_loss_that_draws_draws_the_same_and_leaves_no_trace():
    alpha = torch.nn.Parameter(torch.zeros(4))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    found = largest_eigenvalue(
        [alpha], [lambda: (alpha.square() * torch.tensor([1.0, 2, 3, 4])).sum() + (alpha * torch.randn(4)).sum()]
    )
    assert found == pytest.approx(8, rel=0.02)
    assert torch.equal(before, torch.get_rng_state())


def test_it_is_that_of_the_mean_over_the_batches():
    alpha = torch.nn.Parameter(torch.ones(3))
    losses = [lambda: alpha[0] ** 2, lambda: 3 * (alpha[0] ** 2) + alpha[1] ** 2]
    assert largest_eigenvalue([alpha], losses) == pytest.approx(4, rel=0.02)


def test_where_alpha_does_not_matter_it_is_zero():
    alphas = [torch.nn.Parameter(torch.zeros(1)) for _ in range(4)]
    assert largest_eigenvalue(alphas, [lambda: sum(alpha.softmax(0).sum() for alpha in alphas)]) == 0


def series(values, epochs=50):
    stop, alpha = Curvature(epochs), torch.nn.Parameter(torch.zeros(3))
    scale = torch.ones(3)
    for number, value in enumerate(values):
        with torch.no_grad():
            alpha.fill_(float(number))
        scale[0] = value
        stop.measure([alpha], [lambda: (alpha.square() * scale / 2).sum()])
        if stop.sharpened:
            break
    return stop, alpha


def test_it_stops_when_the_curvature_grows_and_goes_back_twelve_epochs():
    flat, _ = series([2.0] * 50)
    assert not flat.sharpened
    grown, alpha = series([2.0] * 25 + [2.0 * 1.2**n for n in range(25)])
    assert grown.sharpened
    last = len(grown.values) - 1
    assert 25 < last < 32
    grown.roll_back([alpha])
    assert torch.equal(alpha.detach(), torch.full((3,), float(last - 12)))


def test_nothing_is_decided_in_the_first_epochs():
    early, _ = series([2.0 * 1.5**n for n in range(18)])
    assert not early.sharpened


def test_short_searches_keep_the_shares():
    stop = Curvature(12)
    assert (stop.first, stop.window, stop.apart, stop.back) == (6, 3, 2, 3)
    published = Curvature(50)
    assert (published.first, published.window, published.apart, published.back) == (23, 10, 8, 12)


def test_a_search_too_short_to_stop_is_refused():
    with pytest.raises(ScansearchError, match="^curvature=stop compares windows of epochs and needs at least 6, but"):
        strategy("darts", plan=Plan(5, 10, 0), curvature="stop")
    strategy("darts", plan=Plan(6, 10, 0), curvature="stop")


def test_progressive_cannot_go_back():
    with pytest.raises(ScansearchError, match="^curvature=stop goes back to an earlier alpha, but progressive"):
        strategy("progressive", curvature="stop")


def test_a_stopped_search_says_so(tmp_path, monkeypatch):
    heard = []

    class Hears(Silent):
        def warned(self, message):
            heard.append(message)

    rising = iter(range(1, 100))
    monkeypatch.setattr(module, "largest_eigenvalue", lambda *_, **__: 2.0 ** next(rising))
    run = {"model": "local_vim_nano", "depth": 2, "epochs": 7, "limit": 64, "data": "digits", "batch_size": 32}
    genotype = scansearch.search(tmp_path / "run", curvature="stop", listener=Hears(), **run)
    line = "the search ended after epoch 5 of 7: the curvature in alpha has grown by more than 30 %; alpha is that of epoch 3"
    assert line in heard
    assert line in (tmp_path / "run" / "log.txt").read_text()
    assert (genotype.search["epochs"], genotype.search["epochs_trained"]) == (7, 5)
    scores = [row.split(",") for row in (tmp_path / "run" / "scores.csv").read_text().splitlines()]
    third = {row[2]: float(row[3]) for row in scores if row[:2] == ["3", "0"]}
    assert genotype.layers[0].scores == pytest.approx(third, abs=1e-8)


def test_the_strategy_asks_for_it_and_keeps_it_in_a_resume():
    assert strategy("darts").curvature is None
    found = strategy("darts", ToySupernet(), curvature="stop")
    assert not found.stopped
    found.curvature.values, found.curvature.sharpened = [1.0, 2.0], True
    found.curvature.alphas = [[alpha.detach().clone() for alpha in found.supernet.alphas]] * 2
    again = strategy("darts", ToySupernet(), curvature="stop")
    again.load_state_dict(found.state_dict())
    assert again.stopped
    assert again.curvature.values == [1.0, 2.0]


def test_measured_on_demand_it_stands_in_the_diagnostics_and_stops_nothing(tmp_path):
    run = {"model": "local_vim_nano", "depth": 2, "epochs": 2, "limit": 64, "data": "digits"}
    scansearch.search(tmp_path / "measured", curvature="measure", **run)
    scansearch.search(tmp_path / "plain", **run)
    header, *rows = (tmp_path / "measured" / "diagnostics.csv").read_text().splitlines()
    assert header == "epoch,name,value"
    assert [row.split(",")[:2] for row in rows] == [["1", "curvature"], ["2", "curvature"]]
    assert all(math.isfinite(float(row.split(",")[2])) for row in rows)
    assert (tmp_path / "plain" / "diagnostics.csv").read_text() == header + "\n"
    same = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("measured", "plain")]
    assert same[0] == same[1]


def test_largest_means_largest_and_not_furthest_from_zero():
    alpha = torch.nn.Parameter(torch.ones(4))
    scale = torch.tensor([-5.0, 2.0, 1.0, -1.0])
    assert largest_eigenvalue([alpha], [lambda: (alpha.square() * scale / 2).sum()]) == pytest.approx(2, rel=0.05)


def test_a_growth_of_thirty_percent_is_allowed():
    slower, _ = series([2.0] * 25 + [2.0 * 1.25] * 25)
    assert not slower.sharpened
    faster, _ = series([2.0] * 25 + [2.0 * 1.5] * 25)
    assert faster.sharpened


@pytest.mark.parametrize(("settings", "decay"), [
    ({"level": "bilevel"}, 1e-3),
    ({"level": "bilevel", "alpha_weight_decay": 0.5}, 0.5),
    ({"level": "joint", "alpha_weight_decay": 0.5}, 0.0),
])  # fmt: skip
def test_alphas_decay_belongs_to_the_hessian_where_it_belongs_to_the_loss(settings, decay):
    """Adam adds it to the gradient, AdamW does not."""
    net = ToySupernet()
    set_alpha(net, [0.3, -1, 2, 0.5], [1, 0, 0, -1])
    found, now = strategy("darts", net, curvature="measure", **settings), step(net)
    found.after_epoch(now)
    losses = [partial(found._alpha_loss, now, batch) for batch in now.recent(4)]
    alone = largest_eigenvalue(net.architecture_parameters(), losses)
    assert found.curvature.values == [pytest.approx(alone + decay, abs=1e-6)]


def test_alpha_goes_back_once():
    """A selection that was interrupted after it has tuned alpha begins again."""
    curvature, alpha = series([2.0] * 25 + [2.0 * 1.2**n for n in range(25)])
    curvature.roll_back([alpha])
    again = Curvature(50)
    again.load_state_dict(curvature.state_dict(), [alpha])
    with torch.no_grad():
        alpha.fill_(7.0)
    for one in (curvature, again):
        one.roll_back([alpha])
    assert torch.equal(alpha.detach(), torch.full((3,), 7.0))
