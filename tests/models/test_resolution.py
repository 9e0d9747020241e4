"""LocalVim at another resolution than that of its training."""

import pytest
import torch

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


def test_images_that_the_patch_does_not_divide_are_refused():
    with pytest.raises(ScansearchError, match="the patch size must divide the image, but 2 does not divide 9 x 8"):
        network(patch_size=2).at((9, 8))
