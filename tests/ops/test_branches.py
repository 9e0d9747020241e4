"""The branches of a layer in one call: what the formulas say, on every backend, with and without convolution and gate."""

import pytest
import torch
from comparison import assert_close
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.models.order_tables import order_tables
from scansearch.ops import BranchParameters, Orders, direction_branches, mixed_branches, mixture

G, B, D, N, R, K = 3, 2, 12, 4, 2, 3
GRID = (3, 5)
SHAPES = BranchParameters((G, D, N), (G, D), (G, R + 2 * N, D), (G, D, R), (G, D), (G, D, K), (G, D))
NAMES = ("h", "w2_flip", "snake")
KINDS = pytest.mark.parametrize(("conv", "gate"), [(True, True), (False, True), (True, False), (False, False)], ids=str)


def given(conv=True):
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    x, z = torch.randn(2, B, GRID[0] * GRID[1], D, generator=generator, dtype=torch.float64)
    return x, z, BranchParameters(*drawn[: 7 if conv else 5])


def by_hand(x, z, orders, p):
    """A direction, a sample and a step at a time."""
    branches = []
    for g in range(len(orders.order)):
        visits, places = orders.order[g].tolist(), orders.inverse[g].tolist()
        u = torch.stack([x[:, t] if t >= 0 else torch.zeros_like(x[:, 0]) for t in visits], 1)
        if p.conv_weight is not None:
            padded = F.pad(u, (0, 0, K - 1, 0))
            taps = [p.conv_weight[g, :, k] * padded[:, k : k + len(visits)] for k in range(K)]
            u = F.silu(sum(taps) + p.conv_bias[g])
        dt, maps_in, maps_out = (u @ p.x_proj_weight[g].T).split([R, N, N], -1)
        step = F.softplus(dt @ p.dt_proj_weight[g].T + p.dt_proj_bias[g])
        state, outputs = torch.zeros(B, D, N, dtype=x.dtype), []
        for t in range(len(visits)):
            decay = torch.exp(-step[:, t, :, None] * p.A_log[g].exp())
            state = decay * state + (step[:, t] * u[:, t])[..., None] * maps_in[:, t, None]
            outputs.append((state * maps_out[:, t, None]).sum(-1) + p.D[g] * u[:, t])
        branch = torch.stack([outputs[place] for place in places], 1)
        branches.append(branch if z is None else branch * F.silu(z))
    return torch.stack(branches)


@KINDS
@pytest.mark.parametrize("padded", [False, True])
def test_the_reference_is_what_the_formulas_say(conv, gate, padded):
    x, z, p = given(conv)
    orders = order_tables(NAMES, GRID, padded=padded)
    found = direction_branches(x, z if gate else None, orders, p, backend="reference")
    torch.testing.assert_close(found, by_hand(x, z if gate else None, orders, p), rtol=1e-10, atol=1e-10)


@KINDS
@pytest.mark.parametrize("backend", ["torch", "cpu"])
def test_every_backend_agrees_in_values_and_gradients(conv, gate, backend):
    x, z, p = given(conv)
    orders, weights = order_tables(NAMES, GRID, padded=True), torch.tensor([0.2, 0.5, 0.3])

    def operation(x, z, weights, *parameters, backend):
        return mixed_branches(x, z, orders, BranchParameters(*parameters), weights, backend=backend)

    assert_close(operation, [x, z if gate else None, weights, *p[: 7 if conv else 5]], backend, tolerance=2e-5)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.2, -0.5, 0.3])])
def test_the_mixture_is_that_of_the_branches(weights):
    x, z, p = given()
    x, z, p = x.float(), z.float(), BranchParameters(*(t.float() for t in p))
    orders = order_tables(NAMES, GRID)
    branches = direction_branches(x, z, orders, p)
    assert torch.equal(mixed_branches(x, z, orders, p, weights), mixture(branches, weights))
    assert torch.equal(mixture(branches), branches.sum(0))


def test_rows_and_channels_of_the_parameters():
    _, _, p = given()
    chosen, block = torch.tensor([2, 0]), slice(3, 7)
    for whole, rows, cut in zip(p, p.select(chosen), p.channels(block), strict=True):
        assert torch.equal(rows, whole[chosen])
        assert cut.shape == torch.Size(4 if size == D else size for size in whole.shape)
    assert torch.equal(p.channels(block).x_proj_weight, p.x_proj_weight[..., block])
    assert torch.equal(p.select(slice(1, 3)).D, p.D[1:])
    _, _, bare = given(conv=False)
    assert bare.select(chosen).conv_weight is None
    assert bare.channels(block).conv_bias is None


def test_a_block_of_channels_is_a_network_of_its_own():
    x, z, p = given()
    orders, block = order_tables(NAMES, GRID), slice(2, 8)
    found = direction_branches(x[..., block], z[..., block], orders, p.channels(block))
    one = direction_branches(
        x[..., block], z[..., block], Orders(*(t[1:2] for t in orders)), p.channels(block).select(slice(1, 2))
    )
    torch.testing.assert_close(found[1:2], one)


WRONG = {
    "gate": ({"z": torch.zeros(B, 3, D)}, r"z must be \(B, L, D\) = \(2, 15, 12\), but got"),
    "projection": ({"x_proj_weight": torch.zeros(G, R, D)}, r"x_proj_weight must be \(G, R \+ 2N, D\) = \(3, 10, 12\)"),
    "states": ({"A_log": torch.zeros(G, D)}, r"A_log must be \(G, D, N\), 3-dimensional"),
    "half": ({"conv_bias": None}, "conv_weight and conv_bias must be given both or neither"),
    "integers": ({"D": torch.zeros(G, D, dtype=torch.int32)}, "D must hold float64, float32"),
    "weights": ({"weights": torch.zeros(G + 1)}, r"weights must be \(G\) = \(3,\)"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(change, message):
    x, z, p = given()
    known = {name: value for name, value in change.items() if name in p._fields}
    weights = change.get("weights", torch.zeros(G))
    with pytest.raises(ScansearchError, match=message):
        mixed_branches(x, change.get("z", z), order_tables(NAMES, GRID), p._replace(**known), weights)
