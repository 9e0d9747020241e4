"""Any backbone: scans around a user's mixers, searched and derived like our own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.models import SearchableModel, SearchableScan, Selection, make_searchable
from scansearch.scans import ScanOrder

NAMES = ("h", "h_flip", "v", "w2", "hilbert", "snake", "spiral", "w2_col", "diagonal", "v_flip")


class Recurrence(nn.Module):
    """A causal mixer: h_t = tanh(a h_(t-1) + W x_t), so that the order of the tokens shows."""

    def __init__(self, channels=3):
        super().__init__()
        self.decay, self.map = nn.Parameter(torch.rand(channels)), nn.Linear(channels, channels)

    def forward(self, tokens):
        state, out = torch.zeros_like(tokens[:, 0]), []
        for token in self.map(tokens).unbind(1):
            state = torch.tanh(self.decay * state + token)
            out.append(state)
        return torch.stack(out, 1)


class Net(nn.Module):
    def __init__(self, mixers=2, channels=3, classes=4):
        super().__init__()
        self.embed = nn.Conv2d(1, channels, 1)
        self.mixers = nn.ModuleList(Recurrence(channels) for _ in range(mixers))
        self.head = nn.Linear(channels, classes)

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for mixer in self.mixers:
            tokens = tokens + mixer(tokens)
        return self.head(tokens.mean(1))


@pytest.fixture
def supernet():
    torch.manual_seed(0)
    return make_searchable(Net(), [NAMES[:4]] * 2, layers=Recurrence, grids=[(3, 5)] * 2).double()


def by_hand(scan, tokens, grid, indices, weights=None):
    total = 0
    for place, i in enumerate(indices):
        order = ScanOrder(scan.candidates[i]).indices(*grid)
        branch = torch.empty_like(tokens)
        branch[:, order] = scan.mixers[0 if scan.share else i](tokens[:, order])
        total = total + (branch if weights is None else weights[place] * F.layer_norm(branch, branch.shape[-1:]))
    return total


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize(("grid", "batch"), [((3, 5), 2), ((5, 3), 1), ((1, 7), 1), ((4, 4), 3)])
def test_branches_run_along_their_orders_and_back(share, grid, batch):
    torch.manual_seed(0)
    scan = SearchableScan(Recurrence, NAMES, share=share).double()
    tokens = torch.randn(batch, grid[0] * grid[1], 3, dtype=torch.float64)
    torch.testing.assert_close(scan(tokens, grid), by_hand(scan, tokens, grid, range(10)))
    weights = torch.rand(3, dtype=torch.float64)
    scan.selection = Selection((0, 3, 4), weights)
    torch.testing.assert_close(scan(tokens, grid=grid), by_hand(scan, tokens, grid, (0, 3, 4), weights))


def test_many_branches_are_computed_again_with_the_same_gradients(monkeypatch):
    torch.manual_seed(0)
    scan = SearchableScan(Recurrence, NAMES, (3, 4)).double()
    tokens = torch.randn(2, 12, 3, dtype=torch.float64)
    results = []
    for kept in (8, 100):
        monkeypatch.setattr("scansearch.models.supernet.MOST_TOGETHER", kept)
        scan.selection = Selection(tuple(range(10)), scan.alpha.flatten().softmax(0))
        loss = scan(tokens).square().sum()
        results.append([loss, *torch.autograd.grad(loss, list(scan.parameters()))])
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


def test_copies_start_from_the_modules_weights_and_factories_from_their_own():
    copies, made = SearchableScan(Recurrence(), NAMES[:2]), SearchableScan(Recurrence, NAMES[:2])
    assert torch.equal(copies.mixers[0].map.weight, copies.mixers[1].map.weight)
    assert copies.mixers[0].map.weight is not copies.mixers[1].map.weight
    assert not torch.equal(made.mixers[0].map.weight, made.mixers[1].map.weight)


def test_the_users_model_is_left_alone():
    model = Net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    make_searchable(model, [NAMES[:2]] * 2, layers=Recurrence, grids=[(3, 5)] * 2)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert isinstance(model.mixers[0], Recurrence)


def test_the_derived_network_is_the_sub_network(supernet):
    images = torch.randn(1, 1, 3, 5, dtype=torch.float64)
    network = supernet.derive([["h_flip", "w2"], ["v"]])
    torch.testing.assert_close(network(images), supernet(images, [Selection((1, 3)), Selection((2,))]), rtol=0, atol=0)
    assert not [name for name, _ in network.named_parameters() if "alpha" in name]
    with torch.no_grad():
        next(supernet.parameters()).add_(1)
    assert not torch.equal(network(images), supernet(images, [Selection((1, 3)), Selection((2,))]))


def test_it_is_a_supernet(supernet):
    images = torch.randn(2, 1, 3, 5, dtype=torch.float64)
    assert supernet.candidates == [NAMES[:4]] * 2
    alphas = supernet.architecture_parameters()
    assert [a.shape for a in alphas] == [(4, 1, 1, 1)] * 2
    assert not {id(a) for a in alphas} & {id(p) for _, p in supernet.weight_parameters()}
    supernet(images, [Selection((0, 1, 2, 3), a.flatten().softmax(0)) for a in alphas]).sum().backward()
    assert all(a.grad is not None and a.grad.abs().sum() > 0 for a in alphas)
    assert "model.mixers.0.mixers.0.map.bias" in supernet.no_weight_decay()
    other = make_searchable(Net(), [NAMES[:4]] * 2, layers=Recurrence, grids=[(3, 5)] * 2).double()
    other.load_state_dict(supernet.state_dict())
    torch.testing.assert_close(other(images), supernet(images))


def test_a_selection_does_not_outlive_its_forward_pass(supernet):
    with pytest.raises(ScansearchError, match=r"on a grid of 3 x 5 got \(1, 4, 3\)"):
        supernet(torch.randn(1, 1, 2, 2, dtype=torch.float64), [Selection((0,)), Selection((1,))])
    assert all(scan.selection is None for scan in supernet.scans)


def test_grids_are_found_by_a_forward_pass():
    made = make_searchable(Net(), "global4", layers=["mixers.0", "mixers.1"], example=torch.zeros(1, 1, 4, 6))
    assert [scan.grid for scan in made.scans] == [(4, 6)] * 2
    assert made.candidates == [("h", "h_flip", "v", "v_flip")] * 2
    assert isinstance(made, SearchableModel)


def test_placeholders_that_are_told_their_grid_work_at_any_resolution():
    class Placed(nn.Module):
        def __init__(self):
            super().__init__()
            self.scan = SearchableScan(lambda: Recurrence(2))

        def forward(self, images):
            return self.scan(images.flatten(2).transpose(1, 2), grid=tuple(images.shape[2:])).mean(1)

    made = make_searchable(Placed(), "default8", example=torch.zeros(1, 2, 8, 12))
    assert made.scans[0].grid == (8, 12)
    assert made(torch.randn(1, 2, 6, 5)).shape == (1, 2)


WRONG = {
    "no match": (
        {"layers": nn.GRU, "grids": []},
        "no module of this model matches layers='GRU', so there is nothing to",
    ),
    "name": (
        {"layers": ["mixers.2"], "grids": []},
        "unknown module of this model 'mixers.2' (did you mean 'mixers.1'?)",
    ),
    "grids": ({"layers": Recurrence, "grids": [(3, 5)]}, "there must be one grid a layer (2), but got 1"),
    "nothing": (
        {"layers": Recurrence},
        "make_searchable needs the grids of the layers, or example images to find them",
    ),
    "unused": (
        {"layers": lambda name, module: name == "mixers", "example": torch.zeros(1, 1, 3, 5)},
        "layer 'mixers' did not run in a forward pass of the model; leave it out of layers=",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_made_searchable_says_why(arguments, message):
    with pytest.raises(ScansearchError) as caught:
        make_searchable(Net(), "global4", **arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_tokens_that_form_no_grid_are_refused():
    class Pooled(Net):
        def forward(self, images):
            return super().forward(F.adaptive_avg_pool2d(images, (1, 7)))

    with pytest.raises(
        ScansearchError, match="layer 'mixers.0' has 7 tokens, which form no grid in the proportions of a 4 x 4"
    ):
        make_searchable(Pooled(), "global4", layers=Recurrence, example=torch.zeros(1, 1, 4, 4))


def test_a_scan_without_a_grid_says_so():
    with pytest.raises(ScansearchError, match="a scan needs the grid of its tokens"):
        SearchableScan(Recurrence)(torch.zeros(1, 4, 3))
    with pytest.raises(ScansearchError, match="this layer has no candidate 'w7'; its candidates are h"):
        SearchableScan(Recurrence).keep(["w7"])
