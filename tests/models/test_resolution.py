"""LocalVim at another resolution than that of its training."""

import math

import pytest
import torch
from literal_vim import Literal

import scansearch
from scansearch.errors import ScansearchError

FOUR = [["h", "v_flip", "w2", "w3"]] * 4


def network(**options):
    torch.manual_seed(0)
    return scansearch.build(
        "local_vim_nano", genotype=FOUR, num_classes=3, image_size=(8, 12), in_channels=1, **options
    )


@pytest.mark.parametrize("token", ["none", "middle"])
def test_the_same_resolution_gives_the_same_network(token):
    net, images = network(class_token=token).eval(), torch.randn(1, 1, 8, 12)
    assert torch.equal(net.at((8, 12))(images), net(images))


@pytest.mark.parametrize("token", ["none", "middle"])
@pytest.mark.parametrize("size", [(8, 16), (10, 6), (4, 4)])
def test_other_resolutions_run_with_the_same_weights(token, size):
    net = network(class_token=token, patch_size=2).eval()
    other = net.at(size)
    assert other.grid == (size[0] // 2, size[1] // 2)
    assert not other.training
    assert other(torch.randn(1, 1, *size)).shape == (1, 3)
    ours, theirs = net.state_dict(), other.state_dict()
    assert all(torch.equal(ours[n], theirs[n]) for n in ours if n != "pos_embed" and not n.startswith("rope."))


def test_the_class_tokens_own_embedding_is_kept_apart():
    """LocalMamba's code reshapes all 197 entries to 14 x 14 and fails."""
    net = network(class_token="middle", patch_size=2)
    with torch.no_grad():
        net.pos_embed.zero_()
        net.pos_embed[:, net.class_place] = 7.0
    other = net.at((12, 12))
    assert torch.equal(other.pos_embed[:, other.class_place], net.pos_embed[:, net.class_place])
    assert float(other.pos_embed.detach().abs().sum()) == 7.0 * other.pos_embed.shape[2]


def test_a_smooth_embedding_stays_smooth():
    net = network(patch_size=1)
    rows = torch.linspace(0, 1, 8)[:, None].expand(8, 12).reshape(1, -1, 1)
    with torch.no_grad():
        net.pos_embed.copy_(rows.expand_as(net.pos_embed))
    plane = net.at((16, 24)).pos_embed[0, :, 0].view(16, 24)
    assert float(plane.diff(dim=0).min()) > -1e-2
    assert float(plane.diff(dim=1).abs().max()) < 1e-6


def test_supernets_change_resolution_too():
    torch.manual_seed(0)
    net = scansearch.build("local_vim_nano", space="default8", num_classes=3, image_size=8, in_channels=1)
    other = net.at((12, 12))
    assert type(other) is type(net)
    assert all(
        torch.equal(a, b) for a, b in zip(net.architecture_parameters(), other.architecture_parameters(), strict=True)
    )


def test_images_that_the_patch_does_not_divide_are_refused_unless_zeros_may_fill_them_up():
    says = "the patch size must divide the image, but 2 does not divide 9 x 8; choose a patch_size of 1, .* or partial_patches=padded"
    with pytest.raises(ScansearchError, match=says):
        network(patch_size=2).at((9, 8))
    other = network(patch_size=2, partial_patches="padded").at((9, 7))
    assert other.grid == (5, 4)
    images = torch.randn(1, 1, 9, 7)
    filled = torch.nn.functional.pad(images, (0, 1, 0, 1))
    whole = network(patch_size=2).at((10, 8))
    torch.testing.assert_close(other(images), whole(filled))


def weight(distance):
    """Keys' cubic kernel with a = -0.75, as in bicubic resizing."""
    x = abs(distance)
    if x <= 1:
        return 1.25 * x**3 - 2.25 * x**2 + 1
    return -0.75 * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def resized_axis(rows, count):
    """A list of rows, resized to another number: pixels' centres stay in proportion, edges are repeated."""
    found = []
    for i in range(count):
        at = (i + 0.5) * len(rows) / count - 0.5
        around = range(math.floor(at) - 1, math.floor(at) + 3)
        found.append(sum(weight(at - j) * rows[min(max(j, 0), len(rows) - 1)] for j in around))
    return found


def resized(values, grid, other):
    """(L, E) on a grid to (L', E) on another."""
    columns = torch.stack(resized_axis(list(values.view(*grid, -1)), other[0]))
    return torch.stack(resized_axis(list(columns.unbind(1)), other[1]), 1).flatten(0, 1)


@pytest.mark.parametrize("size", [(12, 20), (5, 6)])
def test_as_published_the_rotary_tables_are_resized_too(size):
    torch.set_default_dtype(torch.float64)
    try:
        directions = [["h", "v_flip", "w2"]] * 2
        net = scansearch.build(
            "local_vim_nano", genotype=directions, num_classes=3, image_size=(8, 12), in_channels=1, depth=2, patch_size=2,
            partial_patches="padded", scan_backend="torch",
        )  # fmt: skip
        other, images = net.at(size, rotary="resized"), torch.randn(2, 1, *size)
        state = scansearch.registry.MODELS.get("local_vim_nano").official_state_dict(net)
        for name in ("cos", "sin"):
            state[f"resized.{name}"] = resized(state[f"rope.freqs_{name}"], net.grid, other.grid)
        state["pos_embed"] = resized(state["pos_embed"][0], net.grid, other.grid)[None]
        slow = Literal(state, directions, other.grid, patch=2, attention="channel_spatial")
        torch.testing.assert_close(other(images), slow.logits(images), rtol=1e-9, atol=1e-9)
        assert not torch.allclose(other(images), net.at(size)(images), rtol=1e-3)
    finally:
        torch.set_default_dtype(torch.float32)


def test_derived_networks_keep_resized_tables():
    torch.manual_seed(0)
    net = scansearch.build("local_vim_nano", space="default8", num_classes=3, image_size=8, in_channels=1)
    other = net.at((12, 10), rotary="resized")
    alone = other.derive([["h", "v"]] * 4)
    assert torch.equal(alone.rope.freqs_cos, other.rope.freqs_cos)
    assert not torch.equal(alone.rope.freqs_cos, net.at((12, 10)).rope.freqs_cos)


def test_the_rotary_embedding_is_computed_or_resized():
    with pytest.raises(ScansearchError, match="is computed or resized, but got 'bicubic'"):
        network().at((8, 8), rotary="bicubic")
