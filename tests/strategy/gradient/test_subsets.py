from collections import Counter
from itertools import combinations

import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from scansearch.errors import ScansearchError
from scansearch.strategy.gradient.subsets import (
    LayerSubsets,
    Subsets,
    alike,
    gumbel_noise,
    on_host,
    relaxed_top_k,
)


def enumerated(alpha, count):
    """Every k-subset of one layer, its probability, and which candidates are in it (subsets, N)."""
    every = list(combinations(range(len(alpha)), count))
    inside = torch.tensor([[float(i in s) for i in range(len(alpha))] for s in every], dtype=torch.float64)
    logs = (inside * alpha).sum(1)
    return every, (logs - logs.logsumexp(0)).exp(), inside, logs.logsumexp(0)


def alphas(count, scale, layers=3):
    generator = torch.Generator().manual_seed(count)
    return scale * torch.randn(layers, count, generator=generator, dtype=torch.float64)


SIZES = [(n, k) for n in (1, 2, 5, 6, 8) for k in range(n + 1)]


@pytest.mark.parametrize("scale", [0.0, 0.001, 1.0, 3.0, 50.0])
@pytest.mark.parametrize(("count", "kept"), SIZES)
def test_normaliser_marginals_and_covariance_are_those_of_enumeration(count, kept, scale):
    alpha = alphas(count, scale)
    subsets = Subsets(alpha, kept)
    for layer, values in enumerate(alpha):
        _, p, inside, log = enumerated(values, kept)
        pi = p @ inside
        covariance = (inside.T * p) @ inside - torch.outer(pi, pi)
        assert float(subsets.log_normaliser[layer]) == pytest.approx(float(log), rel=1e-13, abs=1e-13)
        assert torch.allclose(subsets.marginals[layer], pi, rtol=1e-11, atol=0)  # however small
        assert torch.allclose(subsets.covariance[layer], covariance, rtol=0, atol=1e-12)


def test_marginals_and_covariance_are_the_derivatives_of_the_normaliser():
    alpha, kept = alphas(7, 1.0, layers=1), 3

    def log(values):
        return enumerated(values[0], kept)[3]

    assert torch.allclose(jacobian(log, alpha), Subsets(alpha, kept).marginals)
    assert torch.allclose(hessian(log, alpha)[0, :, 0], Subsets(alpha, kept).covariance[0])


def test_of_one_it_is_the_softmax():
    alpha = alphas(9, 2.0)
    p = alpha.softmax(1)
    assert torch.allclose(Subsets(alpha, 1).marginals, p)
    assert torch.allclose(Subsets(alpha, 1).covariance, torch.diag_embed(p) - p[:, :, None] * p[:, None])


def test_what_is_decided_or_far_out_of_range_is_still_a_distribution():
    for alpha in (torch.tensor([[700.0, 0.0, -700.0, 650.0, 1e4]]), torch.full((1, 5), 1e6), torch.full((1, 5), -1e6)):
        subsets = Subsets(alpha, 2)
        assert float(subsets.marginals.sum()) == pytest.approx(2)
        assert bool(subsets.covariance.isfinite().all())
        assert torch.allclose(subsets.covariance.sum(1), torch.zeros(5, dtype=torch.float64), atol=1e-10)
        assert len(set(subsets.draw()[0])) == 2
    assert Subsets(torch.tensor([[700.0, 0.0, -700.0, 650.0, 1e4]]), 2).draw() == [(0, 4)]


def test_many_candidates_sum_to_their_number():
    alpha = alphas(128, 3.0, layers=2)
    for kept in (1, 4, 64, 127, 128):
        subsets = Subsets(alpha, kept)
        assert subsets.marginals.sum(1).tolist() == pytest.approx([kept] * 2)
        assert float(subsets.covariance.sum(2).abs().max()) < 1e-10
        assert [len(set(chosen)) for chosen in subsets.draw()] == [kept] * 2


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (5, 1), (5, 2), (6, 3), (6, 5), (4, 4), (3, 0)])
def test_draws_have_their_probabilities(count, kept):
    alpha, draws = alphas(count, 1.0, layers=1), 20_000
    every, p, _, _ = enumerated(alpha[0], kept)
    found = Counter(Subsets(alpha.repeat(draws, 1), kept).draw(torch.Generator().manual_seed(2)))
    assert set(found) <= set(every)
    expected = {subset: draws * float(share) for subset, share in zip(every, p, strict=True)}
    chi2 = sum((found[subset] - mean) ** 2 / mean for subset, mean in expected.items())
    assert chi2 < len(every) + 4 * (2 * len(every)) ** 0.5  # mean and four standard deviations


def test_layers_are_drawn_apart_and_from_the_generator_given():
    alpha = torch.zeros(6, 8)
    once, again = (Subsets(alpha, 4).draw(torch.Generator().manual_seed(3)) for _ in range(2))
    assert once == again
    assert len(set(once)) > 1
    torch.manual_seed(3)
    assert Subsets(alpha, 4).draw() == once


@pytest.mark.parametrize("kept", [-1, 4])
def test_more_than_there_are_or_fewer_than_none_are_refused(kept):
    with pytest.raises(ScansearchError, match=f"^of 3 candidates 0 to 3 can be taken, but got {kept}$"):
        Subsets(torch.zeros(1, 3), kept)


def test_layers_of_any_sizes_have_their_own_subsets():
    values = [alphas(n, 1.0, layers=1)[0] for n in (5, 3, 5, 5)]
    counts = [2, 2, 2, 1]
    assert alike(values, counts) == [[0, 2], [1], [3]]
    subsets = LayerSubsets(values, counts)
    assert [len(chosen) for chosen in subsets.draw()] == counts
    for found, alpha, kept in zip(subsets.covariances(), values, counts, strict=True):
        assert torch.allclose(found, Subsets(alpha[None], kept).covariance[0])


def test_the_host_has_alpha_in_double_precision_without_a_graph():
    values = [torch.tensor([0.1, 0.2], requires_grad=True), torch.tensor([0.3])]
    found = on_host(values)
    assert [alpha.dtype for alpha in found] == [torch.float64] * 2
    assert not any(alpha.requires_grad for alpha in found)
    assert all(torch.equal(a.float(), b.detach()) for a, b in zip(found, values, strict=True))


def test_noise_is_finite_where_the_generator_gives_zero(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda self, generator=None: self.zero_())
    assert bool(gumbel_noise((3,)).isfinite().all())


@pytest.mark.parametrize("tau", [0.1, 1.0, 10.0])
def test_the_relaxed_k_hot_vector_follows_its_formula(tau):
    logits = alphas(6, 0.3)
    wanted, left = torch.zeros_like(logits), logits
    for _ in range(3):
        share = (left / tau).softmax(1)
        wanted, left = wanted + share, left + (1 - share).log()
    assert torch.allclose(relaxed_top_k(logits, 3, tau), wanted)
    assert torch.allclose(relaxed_top_k(logits, 3, tau).sum(1), torch.full((3,), 3.0, dtype=torch.float64))


def test_of_one_the_relaxed_vector_is_the_softmax():
    logits = alphas(6, 1.0)
    assert torch.equal(relaxed_top_k(logits, 1, 0.5), (logits / 0.5).softmax(1))


def test_a_cold_relaxation_is_the_k_largest():
    logits = alphas(8, 1.0)
    hard = torch.zeros_like(logits).scatter(1, logits.topk(3).indices, 1.0)
    assert torch.allclose(relaxed_top_k(logits, 3, 1e-3), hard, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slopes_stay_right_where_a_share_rounds_to_one(dtype):
    logits = torch.tensor([4.0, 1.5, 1.3, 1.0, 0.0], dtype=dtype)  # 1 - r_1 is 1e-11 at tau = 0.1
    found = jacobian(lambda values: relaxed_top_k(values, 2, 0.1), logits)

    def exact(values):
        first = torch.softmax(values / 0.1, 0)
        rest = torch.stack([(values / 0.1)[torch.arange(5) != i].logsumexp(0) for i in range(5)])
        return first + ((values + rest - (values / 0.1).logsumexp(0)) / 0.1).softmax(0)

    wanted = jacobian(exact, logits.double())
    assert torch.allclose(found.double(), wanted, rtol=1e-3, atol=1e-4)


def test_extreme_logits_leave_finite_slopes():
    logits = torch.tensor([[1e4, 0.0, -1e4, 3.0], [5.0, 5.0, 5.0, 5.0]], requires_grad=True)
    for tau in (1e-3, 0.1, 10.0, 1e3):
        (slopes,) = torch.autograd.grad(relaxed_top_k(logits, 3, tau)[:, :2].sum(), logits)
        assert bool(slopes.isfinite().all())
