import pytest
import torch
from torch.nn import functional as F

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.models import Selection
from scansearch.models.mixer import ScanMixer
from scansearch.models.mixer_options import MixerOptions
from scansearch.ops.branches import direction_branches
from scansearch.ops.parameters import BranchParameters, Orders
from scansearch.registry import MODELS, SEARCH_SPACES, STRATEGIES
from scansearch.shape import ImageShape
from scansearch.strategy.step import Plan

NAMES = ("h", "v_flip", "w2")


def mixer(attention="channel_spatial", **options):
    torch.manual_seed(0)
    config = MixerOptions(embed_dim=16, depth=1, attention=attention, scan_backend="torch", **options)
    return ScanMixer(config, NAMES, (4, 4), searchable=True)


@pytest.mark.parametrize("attention", ["none", "channel", "channel_spatial"])
@pytest.mark.parametrize("mode", ["keep", "recompute"])
@pytest.mark.parametrize("block", [0, 1, 3])
def test_one_block_is_mixed_and_the_others_pass_gated(attention, mode, block):
    layer, hidden = mixer(attention, mixture=mode), torch.randn(2, 16, 16)
    layer.out_proj = torch.nn.Identity()
    got = layer(hidden, Selection((0, 1, 2), torch.tensor([0.2, 0.5, 0.3]), part=(block, 4)))
    x, z = layer.in_proj(hidden).chunk(2, dim=-1)
    passed = x * F.silu(z)
    rest = [i for i in range(32) if i // 8 != block]
    assert got.shape == (2, 16, 32)
    assert torch.allclose(got[..., rest], passed[..., rest], atol=1e-6)
    assert not torch.allclose(got[..., block * 8 : block * 8 + 8], passed[..., block * 8 : block * 8 + 8], atol=1e-2)


def test_the_block_is_computed_with_its_own_parameters_and_no_others():
    layer, hidden = mixer("none"), torch.randn(2, 16, 16)
    layer.out_proj = torch.nn.Identity()
    got = layer(hidden, Selection((0, 2), torch.tensor([0.4, 0.6]), part=(1, 2)))[..., 16:]
    block = slice(16, 32)
    x, z = (t[..., block] for t in layer.in_proj(hidden).chunk(2, dim=-1))
    cut = {name: getattr(layer, name) for name in BranchParameters._fields}
    cut = {name: p[..., block] if name == "x_proj_weight" else p[:, block] for name, p in cut.items()}
    branches = direction_branches(x, z, Orders(*layer._tables), BranchParameters(**cut), backend="torch")
    normed = F.layer_norm(branches, (16,))
    assert torch.allclose(got, 0.4 * normed[0] + 0.6 * normed[2], atol=1e-5)


def test_gradients_reach_the_block_only():
    layer = mixer()
    layer(torch.randn(2, 16, 16), Selection((0, 1, 2), torch.ones(3) / 3, part=(2, 4))).square().sum().backward()
    touched = layer.D.grad.abs().sum(0) > 0
    assert touched.nonzero().flatten().tolist() == list(range(16, 24))


def nano(depth):
    spec = MODELS.get("local_vim_nano").configure(depth=depth, scan_backend="torch")
    space = SEARCH_SPACES.get("default8").bind([(8, 8)] * depth)
    kind = STRATEGIES.get("partial_channel")
    net = spec.supernet([layer.candidates for layer in space], ImageShape(8, 8, channels=1, classes=10))
    found = kind(kind.Settings())
    found.setup(net, space, Plan(10, 10, 0))
    return found


def test_the_block_moves_and_an_evaluation_does_not():
    found = nano(depth=2)
    parts = {s.part for _ in range(30) for s in found.select(0)}
    assert parts == {(i, 4) for i in range(4)}
    assert {s.part for s in (*found.evaluation(), *found.derived(found.choose()))} == {(0, 4)}
    assert [found.moves(n) for n in (0, 29, 30)] == [False, False, True]


def test_channels_that_cannot_be_divided_are_refused_before_the_search():
    spec = MODELS.get("local_vim_nano")
    space = SEARCH_SPACES.get("default8").bind([(8, 8)] * 4)
    net = spec.supernet([layer.candidates for layer in space], ImageShape(8, 8, channels=1, classes=10))
    kind = STRATEGIES.get("partial_channel")
    with pytest.raises(UnsupportedError, match="32 channels cannot be divided into 5 equal parts; choose a divisor"):
        kind(kind.Settings(parts=5)).setup(net, space, Plan(1, 1, 0))
    with pytest.raises(ScansearchError, match="^parts=32 leaves 1 of 32 channels for the mixture"):
        kind(kind.Settings(parts=32)).setup(net, space, Plan(1, 1, 0))


def test_layers_draw_their_blocks_apart():
    drawn = [[selection.part[0] for selection in nano(depth=4).select(n)] for n in range(8)]
    assert any(len(set(blocks)) > 1 for blocks in drawn)
