"""Weights of another network are refused in one line, which says what they lack, what is too much, and what they are of."""

import pytest
import torch

from scansearch.errors import ScansearchError
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

SMALL = ImageShape(8, 8, channels=1, classes=3)
FOUR = [["h", "w2"], ["v"], ["h"], ["h"]]
PAIRS = [["h", "h_flip"]] * 2


def built(name, directions=FOUR, *, kind="network", shape=SMALL, **options):
    spec = MODELS.get(name).configure(**options)
    return spec, getattr(spec, kind)(directions, shape)


def weights_of(name, *arguments, **options):
    spec, network = built(name, *arguments, **options)
    return spec.official_state_dict(network)


def refused(weights, name="local_vim_nano", *arguments, **options):
    """The message; the network must be as it was."""
    spec, network = built(name, *arguments, **options)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(ScansearchError) as caught:
        spec.load_official(network, weights)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    return str(caught.value)


def test_names_that_differ_in_numbers_only_are_counted_together():
    weights = weights_of("local_vim_nano")
    for layer in range(4):
        del weights[f"layers.{layer}.mixer.D_0"]
    weights["extra"] = torch.zeros(1)
    weights["head.weight"] = torch.zeros(5, 16)
    assert refused(weights) == (
        "these weights are not those of this local_vim_nano: 4 missing: layers.*.mixer.D_* (4); 1 unexpected: extra; "
        "1 of another shape: head.weight (5, 16) for (3, 16); they fit local_vim_nano with patch_size=1 (directions a layer: 1 to 2, "
        "patches: 64, image channels: 1, classes: 5)"
    )


def test_few_kinds_are_listed_and_the_others_counted():
    message = refused({}, "local_vim_nano")
    assert "95 missing: pos_embed, patch_embed.proj.weight, patch_embed.proj.bias and 25 more kinds" in message
    assert message.endswith("no model here is known to have such weights")


LARGE = ImageShape(224, 224, channels=3, classes=10)


@pytest.mark.parametrize(
    ("weights", "fits"),
    [
        # another width
        (("local_vim_small", [["h"]] * 20), "they fit local_vim_small (directions a layer: 1, patches: 196,"),
        # a class token
        (
            ("local_vim_tiny", [["h"]] * 20, {"class_token": "middle"}),
            "they fit local_vim_tiny with class_token=middle (directions a layer: 1, patches: 196,",
        ),
        # other branches
        (("local_vim_tiny", [["h", "v", "w2"]] * 20), "they fit local_vim_tiny (directions a layer: 3, patches: 196,"),
        # another family
        (("vim_tiny", [["h", "h_flip"]] * 24), "they fit vim_tiny (directions a layer: 2, patches: 196,"),
        (
            ("vim_small", [["h_flip", "h"]] * 3, {"depth": 3, "d_state": 8}),
            "they fit vim_small with depth=3, d_state=8 (directions a layer: 2, patches: 196,",
        ),
        (("vim_tiny_rotary", [["h", "h_flip"]] * 24), "they fit vim_tiny_rotary (directions a layer: 2,"),
    ],
)
def test_which_model_they_fit(weights, fits):
    name, directions, options = (*weights, {})[:3]
    with torch.device("meta"):
        found = weights_of(name, directions, shape=LARGE, **options)
    message = refused(found)
    assert f"; {fits}" in message
    assert message.endswith("image channels: 3, classes: 10)")


def test_weights_of_a_supernet():
    found = weights_of("local_vim_nano", [["h", "v"]] * 4, kind="supernet")
    assert "4 unexpected: layers.*.mixer.multi_scan.weights (4)" in refused(found, directions=[["h", "v"]] * 4)
    assert "(candidates a layer: 2, patches: 64," in refused(found, directions=[["h", "v"]] * 4)


def test_the_model_itself_comes_first_where_several_fit_as_well():
    own = MODELS.get("local_vim_nano").configure(patch_size=1)
    network = own.network(FOUR, SMALL)
    with pytest.raises(ScansearchError, match=r"they fit local_vim_nano \(directions a layer: 2,"):
        own.load_official(network, own.official_state_dict(own.network([["h", "v"]] * 4, SMALL)))


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("weights.pth", "weights are tensors by name, but got 'weights.pth'; scansearch.models.read_weights"),
        ({"epoch": 3}, "weights are tensors by name, but 'epoch' is 3; scansearch.models.read_weights"),
        ({"state_dict": {}}, "weights are tensors by name, but 'state_dict' is a dict; "),
        ({3: torch.zeros(1)}, "weights are tensors by name, but 3 is a Tensor; "),
    ],
)
def test_what_is_no_weights(weights, says):
    assert says in refused(weights)


@pytest.mark.parametrize("name", ["local_vim_nano", "vim_tiny"])
@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("patch_embed.proj.weight", (4,)),
        ("pos_embed", ()),
        ("head.weight", ()),
        ("layers.0.mixer.out_proj.weight", (0, 0)),
    ],
)
def test_shapes_of_no_network_are_of_no_model(name, key, shape):
    """Whatever stands in a file: the line is about the weights."""
    options = {"depth": 2, "embed_dim": 8, "patch_size": 2} if name == "vim_tiny" else {"depth": 2}
    weights = weights_of(name, PAIRS, **options)
    weights[key] = torch.zeros(shape)
    assert "1 of another shape" in refused(weights, name, PAIRS, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.int(), "is of torch.int32"),
        (lambda v: v.to(torch.complex64), "is of torch.complex64"),
        (lambda v: v.to_sparse(), "is torch.sparse_coo"),
        (lambda v: v.to("meta"), "has none"),
        (lambda v: v * float("nan"), "is not finite"),
    ],
)
def test_what_are_no_numbers(change, says):
    spec = MODELS.get("local_vim_nano").configure(depth=1)
    network = spec.network([["h"]], ImageShape(8, 8, 1, 10))
    before, weights = network.norm_f.weight.clone(), spec.official_state_dict(network)
    spec.load_official(network, {name: value.half() for name, value in weights.items()})
    with pytest.raises(ScansearchError, match=f"finite numbers in dense tensors, but norm_f.weight {says}; save them"):
        spec.load_official(network, {**weights, "norm_f.weight": change(weights["norm_f.weight"])})
    assert torch.equal(network.norm_f.weight, before)
