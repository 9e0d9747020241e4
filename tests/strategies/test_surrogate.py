"""The additive surrogate: its posterior, what it proposes, and what it finds."""

import pytest
import torch
from additive import Additive, searched, shares
from toy_search import NAMES, ToySupernet, space, strategy

import scansearch
from scansearch.space import Budget, Costs, SearchSpace
from scansearch.strategy.black_box.posterior import NOISE, RATIOS, SHAPE, Posterior

KEPT = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 1, 0]]).double()
HEARD = torch.tensor([0.7, 0.62, 0.55, 0.44, 0.58, 0.66], dtype=torch.float64)
RARELY = torch.tensor([0.71, 0.62], dtype=torch.float64)


def textbook(kept, heard):
    """Mean, covariance, noise and log evidence for each ratio, by the covariance of all contrasts of what was heard."""
    count = len(heard)
    contrasts = torch.linalg.qr(torch.cat([torch.ones(count, 1), torch.eye(count)[:, 1:]], 1).double())[0][:, 1:].T
    design, heard, shape, found = contrasts @ kept, contrasts @ heard, SHAPE + (count - 1) / 2, []
    for ratio in RATIOS:
        covariance = torch.eye(count - 1, dtype=torch.float64) + ratio * design @ design.T
        gain = ratio * design.T @ covariance.inverse()
        scale = (SHAPE - 1) * NOISE**2 + heard @ covariance.inverse() @ heard / 2
        left = ratio * (torch.eye(design.shape[1], dtype=torch.float64) - gain @ design)
        noise = scale / (shape - 1)
        found.append((gain @ heard, noise * left, noise, -torch.logdet(covariance) / 2 - shape * scale.log()))
    return [torch.stack(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize(("kept", "heard"), [(KEPT, HEARD), (KEPT[:2], RARELY), (KEPT[[0, 0]], RARELY)])
def test_the_posterior_is_that_of_the_textbook(kept, heard):
    means, covariances, noises, evidences = textbook(kept, heard)
    weights = evidences.softmax(0)
    mean = weights @ means
    spread = covariances.diagonal(dim1=1, dim2=2) + (means - mean).square()
    found = Posterior(kept, heard)
    assert torch.allclose(found.weights, weights, rtol=1e-5)
    assert torch.allclose(found.mean, mean, rtol=1e-6, atol=1e-9)
    assert torch.allclose(found.deviations(torch.ones(4)).square(), weights @ spread, rtol=1e-5)
    assert found.noise**2 == pytest.approx(float(weights @ noises), rel=1e-5)


def test_draws_are_those_of_the_posterior():
    found, random = Posterior(KEPT, HEARD), torch.Generator().manual_seed(0)
    drawn = torch.stack([found.draw(random) for _ in range(4000)])
    contrasts = drawn - drawn.mean(1, keepdim=True)  # the sum of gains keeps its wide prior
    deviations = found.deviations(torch.full((4,), 3 / 4))
    assert torch.allclose(contrasts.mean(0), found.mean, atol=4 * float(deviations.max()) / 4000**0.5)
    assert torch.allclose(contrasts.std(0), deviations, rtol=0.1)


def test_what_the_data_do_not_tell_is_zero():
    assert float(Posterior(KEPT, HEARD).mean.sum()) == pytest.approx(0, abs=1e-12)  # each keeps two
    assert not Posterior(KEPT, torch.full((6,), 0.5, dtype=torch.float64)).mean.any()
    assert not Posterior(KEPT[:1], HEARD[:1]).mean.any()


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_noise_is_told_from_gains(noise):
    bound = space(count=8, keep=4, layers=3)
    found = searched("surrogate", bound, Additive(bound, noise=noise), trials=150, initial=149)
    told = found.final_diagnostics()
    assert told["noise"] == pytest.approx(noise, rel=0.2)
    assert len(told) == 1 + 24
    assert all(0 < told[f"sd {layer} {name}"] < noise for layer in range(3) for name in NAMES)


@pytest.mark.parametrize(
    ("layers", "trials", "seeds"),
    [(6, 100, 1), (6, 200, 1), (20, 100, 1), pytest.param(20, 200, 3, marks=pytest.mark.slow)],
)
def test_it_beats_random_search(layers, trials, seeds):
    learned = shares("surrogate", layers, seeds, trials=trials)
    drawn = shares("random_search", layers, samples=trials, images=0)
    assert min(learned) > max(drawn) + 0.3
    assert min(learned) > (0.75 if trials < 5 * layers + 100 else 0.999)


def test_the_mean_of_all_judgements_is_judged_last_and_chosen():
    bound = space(count=8, keep=4, layers=6)
    judge = Additive(bound, noise=0.1)
    found = searched("surrogate", bound, judge, trials=60)
    assert len(judge.asked) == len(set(judge.asked)) == 60
    assert found.choose() == judge.asked[-1]
    before = dict(list(found.accuracies.items())[:-1])
    assert found.choose() == found.additive.best(found.additive.posterior(before).mean)


def test_under_noise_the_mean_finds_more_than_the_most_accurate_judgement():
    bound, chosen, luckiest = space(count=8, keep=4, layers=6), [], []
    for seed in range(4):
        judge = Additive(bound, seed, noise=0.3)  # random genotypes have a standard deviation of 0.1
        found = searched("surrogate", bound, judge, seed, trials=60)
        chosen.append(judge.share(found.choose()))
        luckiest.append(judge.share(max(found.accuracies, key=found.accuracies.__getitem__)))
    assert sum(chosen) > sum(luckiest) + 0.4


@pytest.mark.parametrize("keep", [2, (1, 3)])
def test_it_ends_when_hardly_anything_is_left(keep):
    bound = space(count=4, keep=keep, layers=2)
    judge = Additive(bound)
    found = searched("surrogate", bound, judge, trials=1000, initial=5)
    assert found.choose() == judge.best
    assert 20 < len(judge.asked) == len(set(judge.asked)) <= bound.size


def test_where_every_genotype_is_alike_it_goes_on():
    bound, asked = space(count=8, keep=4, layers=3), []

    def judge(selections):
        asked.append(tuple(s.indices for s in selections))
        return 0.5

    searched("surrogate", bound, judge, trials=50, initial=10)
    assert len(set(asked)) == 50


def test_constraints_and_budget_hold():
    costs = Costs("FLOPs", 0, [{name: 1 + j for j, name in enumerate(NAMES)}] * 3)
    pairs, budget = [{"kind": "flip_pairs", "least": 1}], Budget(limit=26, table="t")
    toy = SearchSpace(name="toy", candidates=NAMES, keep=(2, 4), constraints=pairs, budget=budget)
    bound = toy.bind([(6, 6)] * 3, costs=costs)
    judge = Additive(bound)
    found = searched("surrogate", bound, judge, trials=80, initial=20)
    assert all(map(bound.allows, (*judge.asked, found.choose())))
    assert found.choose() == judge.best


def test_scores_are_gains():
    bound = space(count=8, keep=4, layers=3)
    judge = Additive(bound)
    found = strategy("surrogate", ToySupernet(layers=3, count=8), bound, trials=80)
    assert not any(float(scores.abs().sum()) for scores in found.scores())
    found.finish(judge)
    unit = 2 * (judge.total(judge.best) - judge.mean)
    for scores, gains in zip(found.scores(), judge.gains, strict=True):
        assert torch.allclose(scores, (gains - gains.mean()) / unit, atol=1e-3)


def test_deviations_are_written_when_the_search_is_done(tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "patch_size": 2, "epochs": 1, "limit": 64, "batch_size": 32}
    genotype = scansearch.search(tmp_path / "run", strategy="surrogate", threads=1, trials=4, initial=2, **run)
    header, *rows = (tmp_path / "run" / "diagnostics.csv").read_text().splitlines()
    assert header == "epoch,name,value"
    names = ["noise", *(f"sd 0 {name}" for name in genotype.layers[0].scores)]
    assert [row.split(",")[:2] for row in rows] == [["1", name] for name in names]
