"""The account on paper: its shapes are the models', what it says is kept is kept, and the guide prints what the command prints."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks import own_passes, paper
from benchmarks.passes import BYTES, Layer, Pass, kept_around, layers_of
from benchmarks.published_passes import copies, published
from scansearch.models import Selection
from scansearch.models.mixer import ScanMixer
from scansearch.models.mixer_options import MixerOptions
from scansearch.registry import MODELS, SEARCH_SPACES

NAMES = SEARCH_SPACES.get("default8").candidates
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


@pytest.fixture(scope="module")
def accounts():
    return {account.case: account for account in paper.run()}


def saved_bytes(layer: ScanMixer, hidden: torch.Tensor) -> int:
    """Bytes that autograd keeps for the backward pass of a mixture, but for weights and tables."""
    weights = {p.untyped_storage().data_ptr() for p in [*layer.parameters(), hidden]}
    sizes: dict[int, int] = {}
    held = []  # so that no address is used twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.is_floating_point() and storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    selection = Selection(tuple(range(len(layer.D))), layer.alpha.flatten().softmax(0))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(hidden, selection)
    return sum(sizes.values())


@pytest.mark.parametrize("mixture", ["keep", "recompute"])
def test_what_it_says_is_kept_is_what_autograd_keeps(mixture):
    pytest.importorskip("triton")
    torch.manual_seed(0)
    options = MixerOptions(embed_dim=8, d_state=2, mixture=mixture, scan_backend="triton")
    names, batch, side = NAMES[:2], 1, 8
    layer = ScanMixer(options, names, (side, side), searchable=True)
    sizes = Layer(
        names, batch, side * side, options.embed_dim, options.inner, options.d_state, options.rank, options.d_conv
    )
    form = own_passes.kept_mixture(sizes) if mixture == "keep" else own_passes.recomputed_mixture(sizes)
    counted = BYTES * (sum(form.kept.values()) - sum(kept_around(sizes).values()) + sizes.plane)  # out_proj's input
    hidden = torch.randn(batch, side * side, options.embed_dim, requires_grad=True)
    assert saved_bytes(layer, hidden) == pytest.approx(counted, rel=0.03)


def test_sizes_come_from_the_model():
    spec = MODELS.get("local_vim_search")
    layers = layers_of(spec, NAMES, paper.SHAPE, 4)
    assert layers == [Layer(NAMES, 4, 196, 128, 256, 16, 8, 4)] * 20
    assert layers[0].projected == 4 * 196 * (8 + 2 * 16)


def test_projections_are_those_of_the_formula_of_flops():
    from scansearch.models.flop_formulas import FORMULAS

    spec = MODELS.get("local_vim_search").configure(attention="none")
    (layer, *_) = layers_of(spec, NAMES, paper.SHAPE, 1)
    formula = FORMULAS["localmamba_all"]
    flops = spec.flops(formula, [NAMES] * 20, paper.SHAPE).layers[0]
    other = layer.narrow + len(NAMES) * (
        (formula.scan * layer.states + 2) * layer.plane + layer.inner * layer.taps * (layer.tokens + layer.taps - 1)
    )
    products = {p.name: p.multiply_adds for p in own_passes.kept_mixture(layer).passes}
    counted = sum(products[name] for name in ("in_proj", "x_proj", "dt_proj", "out_proj"))
    assert counted == flops.base + sum(flops.directions.values()) - other


def test_a_flip_costs_the_published_code_a_copy_and_rows_none_on_the_way_back():
    assert copies(("h",)) == (1, 0)
    assert copies(("h_flip", "v", "w2_flip")) == (5, 4)


def test_what_is_kept_grows_with_batch_and_directions_but_for_the_recomputed_mixture():
    spec = MODELS.get("local_vim_search")
    one, two = (layers_of(spec, SEARCH_SPACES.get("wide128").candidates[:n], paper.SHAPE, 8)[0] for n in (8, 16))
    for form, growth in ((published, 1.8), (own_passes.kept_mixture, 1.8)):
        assert sum(form(two).kept.values()) > growth * sum(form(one).kept.values())
    few, many = own_passes.recomputed_mixture(one), own_passes.recomputed_mixture(two)
    assert (many.kept, many.chunk, many.chunks) == (few.kept, few.chunk, 2)


def test_a_device_takes_the_longest_of_three_times():
    device = paper.Device("one", 1e9, 100, 40, 2)  # 20 multiply-adds and 160 exponentials a second
    assert device.seconds(200, 16, 2) == 2
    assert device.seconds(200, 480, 2) == 3
    assert device.seconds(200, 16, 80) == 4


def test_passes_add_up_one_after_the_other_and_ideal_caches_never_take_longer():
    step = paper.Step([Pass("a", 25, 25), Pass("b", 0, 0, 160, 20)], 50, 5, 2, 1)
    device = paper.Device("one", 50 + 5 + 16, 100, 40, 2)
    assert step.seconds(device) == 3
    assert step.least_moved == 120
    assert step.least_seconds(device) == 1.2
    assert step.fits(device)
    assert not step.fits(device._replace(memory=70))


def test_times_are_bounds_and_what_does_not_fit_is_in_brackets(accounts):
    for case in ("search", "limit"):
        rows = accounts[f"{case} time"].rows
        for name in paper.FORMS:
            assert all(least < whole for whole, least in zip(rows[name], rows[f"{name}: ideal caches"], strict=True))
    assert not accounts["search time"].marked
    assert {row.split(":")[0] for row, _ in accounts["limit time"].marked} == {"published code", "ours, keep"}


def test_every_pass_has_a_name_of_its_own():
    layer = layers_of(MODELS.get("local_vim_search"), NAMES, paper.SHAPE, 2)[0]
    for form in paper.FORMS.values():
        names = [each.name for each in form(layer).passes]
        assert len(names) == len(set(names))


def test_the_guide_prints_what_the_command_prints(accounts):
    page = PAGE.read_text()
    for account in accounts.values():
        with StringIO() as file:
            Console(file=file, width=80, highlight=False).print(account.table())
            shown = "\n".join(line.rstrip() for line in file.getvalue().splitlines())
        assert account.title in page
        assert shown in page, f"docs/scale.md no longer has the table {account.case!r} of python -m benchmarks paper"
