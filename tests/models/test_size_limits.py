"""What a network can be: every size and option has bounds, and what is outside is one line, at once."""

import pytest
import torch

import scansearch
from scansearch.errors import ScansearchError
from scansearch.models import SearchableScan, Selection
from scansearch.models.local_vim import LocalVimOptions
from scansearch.space import SearchSpace

GENOTYPE = [["h"], ["v"]]
INTEGERS = [option.name for option in LocalVimOptions().listed() if "integer" in option.takes]


def build(**changes):
    options = {"genotype": GENOTYPE, "num_classes": 3, "image_size": 8, "in_channels": 1, "depth": 2}
    return scansearch.build("local_vim_nano", **(options | changes))


@pytest.mark.parametrize("value", [0, -3, True, 2.0, "3", None, 10**9], ids=repr)
@pytest.mark.parametrize("name", ["num_classes", "in_channels", "image_size"])
def test_sizes_are_integers_from_1_to_a_bound(name, value):
    rule = f"{name} must be an integer from 1 to" if type(value) is int else f"takes an integer.* as {name}, but got"
    with pytest.raises(ScansearchError, match=rule) as caught:
        build(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(8,), (8, 8, 8), ()], ids=str)
def test_an_image_has_two_sides(size):
    with pytest.raises(ScansearchError, match=r"image_size must be one side, or \(height, width\)"):
        build(image_size=size)


def test_sides_may_come_as_a_list():
    assert build(image_size=[8, 12]).grid == build(image_size=(8, 12)).grid


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("value", [0, -1, 10**9, True, 2.5], ids=repr)
def test_options_have_bounds(name, value):
    with pytest.raises(
        ScansearchError, match=rf"model option {name} takes an integer from 1 to [\d,]+( or auto)?, but got"
    ):
        build(**{name: value})


def test_every_integer_option_has_a_bound():
    integers = {name for name, value in vars(LocalVimOptions()).items() if type(value) is int}
    assert integers | {"patch_size", "dt_rank"} == set(INTEGERS)


def test_a_backend_is_known_when_the_network_is_built():
    with pytest.raises(ScansearchError, match="unknown backend 'cuda'"):
        build(scan_backend="cuda")


def test_options_that_are_possible_one_by_one_and_too_much_together():
    with pytest.raises(ScansearchError, match=r"at most 1e\+10 parameters, but local_vim_nano would have"):
        build(embed_dim=2**14, expand=64, d_state=2**10)
    with pytest.raises(ScansearchError, match=r"at most 1e\+10 parameters"):
        build(in_channels=4096, image_size=2**14, patch_size=2**14)
    with pytest.raises(ScansearchError, match="a layer scans at most 1048576 tokens, but a grid of 4096 x 4096"):
        build(image_size=4096, patch_size=1)
    with pytest.raises(ScansearchError, match=r"a side of image_size must be an integer from 1 to 32768"):
        build(image_size=(10**9, 10**9))


@pytest.mark.parametrize("genotype", [5, "h", {"h": 1}, [5, 6], [["h"], None], [[], ["v"]], [["no"], ["v"]]], ids=repr)
def test_what_is_no_genotype_is_one_line(genotype):
    with pytest.raises(ScansearchError) as caught:
        build(genotype=genotype)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 1, 8, 12), r"takes images \(B, 1, 8, 8\), but got \(2, 1, 8, 12\)"),
        (torch.zeros(2, 3, 8, 8), r"takes images \(B, 1, 8, 8\), but got \(2, 3, 8, 8\)"),
        (torch.zeros(1, 8, 8), r"takes images \(B, 1, 8, 8\), but got \(1, 8, 8\)"),
        (
            torch.zeros(2, 1, 8, 8, dtype=torch.uint8),
            "the dtype of the network's weights, torch.float32, but got torch.uint8",
        ),
        (torch.zeros(2, 1, 8, 8).double(), "the dtype of the network's weights, torch.float32, but got torch.float64"),
    ],
)
def test_images_that_the_network_is_not_for(images, message):
    with pytest.raises(ScansearchError, match=message):
        build()(images)


def test_no_images_give_no_logits():
    for form in ("channel", "channel_spatial", "none"):
        assert build(attention=form)(torch.zeros(0, 1, 8, 8)).shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ["local_vim_nano"], "genotype": GENOTYPE}, "takes text as model, but got a list"),
        ({"model": 3, "genotype": GENOTYPE}, "takes text as model, but got 3"),
        ({"model": "local_vim_nano", "space": 3}, "takes text or a SearchSpace or None as space, but got 3"),
        ({"model": "local_vim_nano", "space": ["h"]}, "takes text or a SearchSpace or None as space, but got a list"),
    ],
)
def test_what_is_no_name_is_one_line(arguments, message):
    with pytest.raises(ScansearchError, match=message) as caught:
        scansearch.build(**arguments, image_size=8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection((0, 9)), r"by numbers from 0 to 2, but got \(0, 9\)"),
        (Selection((-1,)), r"by numbers from 0 to 2, but got \(-1,\)"),
        (Selection(()), r"lists at least one candidate of its layer, .* but got \(\)"),
        (Selection((0, 1), torch.ones(3)), r"a selection of 2 candidates has weights of shape \(2,\), but got \(3,\)"),
    ],
)
def test_a_selection_fits_its_layer(selection, message):
    supernet = scansearch.build(
        "local_vim_nano", space=SearchSpace(name="three", candidates=["h", "v", "w2"], keep=2), depth=1, image_size=8
    )
    scan = SearchableScan(torch.nn.Identity(), ("h", "v", "w2"), (2, 2))
    scan.selection = selection
    for run in (lambda: supernet(torch.zeros(1, 3, 8, 8), [selection]), lambda: scan(torch.zeros(1, 4, 5))):
        with pytest.raises(ScansearchError, match=message) as caught:
            run()
        assert "\n" not in str(caught.value)
