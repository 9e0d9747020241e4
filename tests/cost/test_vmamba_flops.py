"""FLOPs of LocalVMamba and VMamba: as published, and against torch's own count of products."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from scansearch.cost import FORMULAS, flops_table
from scansearch.genotype import published
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

IMAGENET = ImageShape(224, 224, channels=3, classes=1000)
PUBLISHED = {"local_vmamba_tiny": 5_728_681_208, "local_vmamba_small": 11_372_957_664}
NAMES = ("h", "v", "w2")


def rounded(products):
    """As fvcore reads the products of an einsum off a text: twice their number with four digits, halved."""
    return math.floor(float(f"{2 * products:.3e}") / 2)


@pytest.mark.parametrize(("name", "wanted"), PUBLISHED.items())
def test_the_published_figures_to_the_last_digit(name, wanted):
    """They were counted by fvcore, which knows x_proj and dt_proj of a layer to four digits only; we count them exactly."""
    spec, directions = MODELS.get(name), published(name).directions
    exact = flops_table(spec, directions, IMAGENET).cost(directions)
    assert exact == pytest.approx(wanted, rel=2e-6)
    correction = 0
    for info, names in zip(spec.layers(IMAGENET), directions, strict=True):
        width, tokens = 96 * 2**info.stage, info.grid[0] * info.grid[1]
        steps = 64 if info.stage == 3 and {"w2", "w2_flip"} & set(names) else tokens  # zero tokens of 7 x 7 grids
        inner, rank = 2 * width, width // 16
        for products in (4 * inner * (rank + 32) * steps, 4 * inner * rank * steps):
            correction += rounded(products) - products
    assert exact + correction == wanted


@pytest.mark.parametrize(("name", "wanted"), [("vmamba_tiny_s1l8", 4_905_609_984), ("vmamba_tiny_s2l5", 4_857_742_080)])
def test_what_vmambas_own_count_gives_of_todays_networks(name, wanted):
    directions = [["h", "v", "h_flip", "v_flip"]] * MODELS.get(name).options.depth
    assert flops_table(MODELS.get(name), directions, IMAGENET).cost(directions) == wanted


def small(name, **options):
    return MODELS.get(name).configure(embed_dim=16, depths=[1, 2], patch_size=2, scan_backend="torch", **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("local_vmamba_search", {"attention": "none"}),
        ("local_vmamba_search", {}),
        ("local_vmamba_search", {"windows": "padded"}),
        ("vmamba_tiny_s1l8", {}),
        ("vmamba_tiny_s2l5", {"patch_size": 4}),
    ],
)
def test_products_are_those_that_torch_counts(name, options):
    """Torch counts the matrix products and convolutions that really run; without norms, the scan and its skip are what is left."""
    spec, shape = small(name).configure(**options), ImageShape(10, 14, channels=3, classes=7)
    directions = [list(NAMES)] * 3
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        spec.network(directions, shape).eval()(torch.randn(1, 3, 10, 14))
    padded = options.get("windows") == "padded"
    scans = norms = 0
    for info in spec.layers(shape):
        width, (rows, columns) = 16 * 2**info.stage, info.grid
        tokens = rows * columns
        steps = (rows + rows % 2) * (columns + columns % 2) if padded else tokens
        scans += len(NAMES) * (5 * spec.options.d_state + 1) * spec.options.expand * width * steps
        norms += (1 + hasattr(spec.options, "mlp_ratio")) * width * tokens
    count = flops_table(spec, directions, shape, formula="localmamba_all").cost(directions)
    assert count - scans - norms == counter.get_total_flops() / 2


def test_formulas_differ_in_scans_norms_and_the_mean_only():
    spec, shape, directions = small("local_vmamba_search"), ImageShape(8, 8, channels=3, classes=7), [list(NAMES)] * 3
    cost = {name: flops_table(spec, directions, shape, formula=name).cost(directions) for name in FORMULAS}
    layers = [(16, 16), (32, 4), (32, 4)]  # width, tokens
    scans = sum(3 * 4 * 16 * 2 * width * tokens for width, tokens in layers)
    norms = sum((4 * width + 5 * 2 * width + 3 * 5 * 2 * width) * tokens for width, tokens in layers)
    rest = 5 * 16 * 16 + 5 * 64 * 4 + (5 + 1) * 32 * 4  # stem, downsampling, last norm and mean
    assert cost["vmamba"] - cost["localmamba_all"] == scans + norms + rest
    assert cost["localmamba"] < cost["localmamba_all"]
