import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from scansearch.cost import FORMULAS, flops_table
from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.genotype import published
from scansearch.models.local_vim import LocalVimSpec
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

NAMES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")
IMAGENET = ImageShape(224, 224, channels=3, classes=1000)
SMALL = ImageShape(8, 12, channels=3, classes=7)
PUBLISHED = {
    ("local_vim_tiny", "localmamba"): 1.482,
    ("local_vim_small", "localmamba"): 4.771,
    ("local_vim_tiny", "localmamba_all"): 1.755,
    ("local_vim_small", "localmamba_all"): 5.539,
}


@pytest.mark.parametrize(("model", "formula"), PUBLISHED, ids="-".join)
def test_the_published_figures(model, formula):
    directions = published("local_vim_tiny").directions  # one search serves both models
    table = flops_table(MODELS.get(model), [NAMES] * 20, IMAGENET, formula=formula)
    assert round(table.cost(directions) / 1e9, 3) == PUBLISHED[model, formula]
    assert (table.unit, table.source, table.model, table.image_size) == ("FLOPs", formula, model, (224, 224))


@pytest.mark.parametrize(
    ("model", "token", "flops"),
    [
        ("local_vim_tiny", "none", 1_481_765_376),
        ("local_vim_small", "none", 4_771_341_312),
        ("local_vim_tiny", "middle", 1_489_172_736),
    ],
)
def test_what_released_code_counts_to_the_last_digit(model, token, flops):
    spec, directions = MODELS.get(model).configure(class_token=token), published("local_vim_tiny").directions
    assert flops_table(spec, directions, IMAGENET, formula="localmamba").cost(directions) == flops


def spec_of(**options):
    return LocalVimSpec("mine", "", **{"embed_dim": 16, "depth": 2, "d_state": 8, "patch_size": 2, **options})


def cost(formula, names=("h", "v", "w2"), **options):
    spec = spec_of(**options)
    return flops_table(spec, [names] * spec.options.depth, SMALL, formula=formula).cost([names] * spec.options.depth)


@pytest.mark.parametrize("attention", ["none", "channel"])
@pytest.mark.parametrize("class_token", ["none", "middle"])
def test_products_are_those_that_torch_counts(attention, class_token):
    """Torch counts the matrix products and convolutions that really run; the rest is subtracted term by term."""
    names = ("h", "v", "w2")
    options = {"attention": attention, "class_token": class_token, "scan_backend": "torch"}
    network = spec_of(**options).network([names] * 2, SMALL).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.randn(1, 3, 8, 12))
    tokens, width, inner, states, taps = 24 + (class_token == "middle"), 16, 32, 8, 4
    convolution = inner * taps * (tokens + taps - 1)
    scan = (5 * states + 2) * inner * tokens  # an operator of ours, into which torch does not look
    elementwise = 2 * (width * tokens + len(names) * (convolution + scan))
    assert cost("localmamba_all", **options) - elementwise == counter.get_total_flops() / 2


def test_vmamba_differs_in_scan_and_norms_only():
    tokens, width, inner, states, layers, directions = 24, 16, 32, 8, 2, 3
    scans = layers * directions * 4 * states * inner * tokens
    norms = layers * 4 * width * tokens + 5 * width * tokens
    attention_norms = layers * directions * 5 * inner * tokens
    assert cost("vmamba", attention="none") == cost("localmamba_all", attention="none") + scans + norms
    assert cost("vmamba") == cost("localmamba_all") + scans + norms + attention_norms


def test_the_papers_attention_reads_every_token():
    tokens, inner, reduced = 24, 32, 4
    more = inner * reduced * tokens + 2 * reduced * tokens
    difference = {f: cost(f, attention="channel_spatial") - cost(f, attention="channel") for f in FORMULAS}
    assert difference == {"localmamba": 2 * more, "localmamba_all": 2 * 3 * more, "vmamba": 2 * 3 * more}


configs = st.fixed_dictionaries(
    {
        "embed_dim": st.sampled_from([4, 8, 20]),
        "depth": st.integers(1, 3),
        "d_state": st.integers(1, 16),
        "expand": st.integers(1, 3),
        "d_conv": st.integers(1, 5),
        "attention": st.sampled_from(["none", "channel", "channel_spatial"]),
        "class_token": st.sampled_from(["none", "middle"]),
    }
)


@given(configs)
def test_with_one_direction_once_a_layer_is_once_a_direction(options):
    assert cost("localmamba", ("h",), **options) == cost("localmamba_all", ("h",), **options)


@given(configs, st.sampled_from(sorted(FORMULAS)))
def test_every_layer_costs_the_same_and_all_are_integers(options, formula):
    table = flops_table(spec_of(**options), [NAMES[:4]] * options["depth"], SMALL, formula=formula)
    assert len(set(map(repr, table.layers))) == 1
    (layer, *_) = table.layers
    assert {type(value) for value in (table.fixed, layer.base, *layer.directions.values())} == {int}
    assert len(set(layer.directions.values())) == 1


@pytest.mark.parametrize("formula", FORMULAS)
def test_padded_windows_run_more_steps(formula):
    cut = flops_table(spec_of(), [("h", "w7")] * 2, SMALL, formula=formula).layers[0].directions
    padded = flops_table(spec_of(windows="padded"), [("h", "w7")] * 2, SMALL, formula=formula).layers[0].directions
    assert padded["h"] == cut["h"] == cut["w7"]
    assert 1.9 < padded["w7"] / cut["w7"] < 49 / 24 + 1e-9  # a grid of 4 x 6 becomes one of 7 x 7


def test_head_and_patches_are_fixed():
    table = flops_table(spec_of(), [NAMES] * 2, SMALL, formula="localmamba")
    assert table.fixed == 24 * (2 * 2 * 3) * 16 + 16 * 7


def test_bad_input(hierarchy):
    with pytest.raises(ScansearchError, match=r"unknown FLOP formula 'vmanba' \(did you mean 'vmamba'\?\)"):
        flops_table(spec_of(), [NAMES] * 2, SMALL, formula="vmanba")
    with pytest.raises(ScansearchError, match="mine has 2 layers, but directions for 3 were given"):
        flops_table(spec_of(), [NAMES] * 3, SMALL)
    with pytest.raises(UnsupportedError, match="is known for theirs; measure it with .*--unit ms"):
        flops_table(hierarchy, [NAMES] * 5, SMALL)
