"""What holds of every model: options are checked and listed, a space is bound to it, and it need not count or be published."""

import pytest
from torch import nn

from scansearch.cost import costs_of, flops_table
from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.models import ImageShape, LayerInfo, ModelOptions, ModelSpec, Official, bind_to
from scansearch.registry import MODELS
from scansearch.space import SearchSpace

SHAPE = ImageShape(8, 8, channels=1, classes=10)


class Plain(ModelSpec):
    """Says no more than it must."""

    def layers(self, shape):
        return (LayerInfo(0, shape.size), LayerInfo(1, (4, 4)))

    def network(self, directions, shape):
        return nn.Linear(2, 2)

    supernet = network


@pytest.mark.parametrize("name", MODELS.names())
def test_every_registered_model_is_one(name):
    spec = MODELS.get(name)
    assert isinstance(spec, ModelSpec)
    assert spec.name == name
    assert all(option.description for option in spec.options.listed())
    assert all(option.takes for option in spec.options.listed())
    assert spec.configure().options == spec.options
    for option in spec.options.listed():
        assert spec.configure(**{option.name: option.default}).options == spec.options


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attention": "channel", "reduction": 3, "dt_rank": 5, "d_conv": 3},
        {"attention": "none", "embed_dim": 36, "expand": 3, "patch_size": 4},
        {"class_token": "middle", "reduction": 2**14},
    ],
    ids=str,
)
@pytest.mark.parametrize("supernet", [False, True])
def test_parameters_told_by_a_family_are_those_of_its_network(options, supernet):
    spec, shape = MODELS.get("local_vim_nano").configure(**options), ImageShape(8, 12, channels=2, classes=7)
    directions = [["h"], ["h", "v_flip"], ["w2", "h", "v"], ["h_flip"]]
    told = spec.parameters(directions, shape, supernet=supernet)
    assert told == ModelSpec.parameters(spec, directions, shape, supernet=supernet)


def test_parameters_are_counted_where_a_family_does_not_tell():
    assert Plain("plain", "nothing").parameters([["h"], ["v"]], SHAPE) == 6


def test_configure_leaves_the_model_itself_alone():
    spec = MODELS.get("local_vim_nano")
    assert spec.configure(depth=2).configure(d_state=4).options == spec.options.changed(depth=2, d_state=4)
    assert spec.options.depth == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dept": 3},
            r"unknown option of model local_vim_nano 'dept' \(did you mean 'depth'\?\); there is: embed_dim, ",
        ),
        ({"depth": "3"}, "model option depth takes an integer from 1 to 1,000, but got '3'"),
        ({"patch_size": "big"}, r"model option patch_size takes an integer from 1 to 32,768 or auto, but got 'big'"),
        ({"attention": "spatial"}, r"takes channel or channel_spatial or none, but got 'spatial'"),
        ({"drop_path": 1}, "model option drop_path takes a number >= 0, < 1, but got 1"),
        ({"drop_path": float("nan")}, "model option drop_path takes a number >= 0, < 1, but got nan"),
        ({"drop_path": True}, "model option drop_path takes a number >= 0, < 1, but got True"),
        ({"embed_dim": 30}, r"embed_dim must be a multiple of 4 \(the rotary embedding needs it\), but got 30"),
        ({"scan_backend": "cuda"}, "unknown backend 'cuda'"),
        ({"scan_backend": 3}, "model option scan_backend takes text, but got 3"),
    ],
)
def test_what_is_no_option_is_one_line(options, message):
    with pytest.raises(ScansearchError, match=message) as caught:
        MODELS.get("local_vim_nano").configure(**options)
    assert "\n" not in str(caught.value)


class WideOptions(ModelOptions):
    width: int = 1


def test_an_unknown_option_of_a_preset():
    with pytest.raises(
        ScansearchError, match=r"unknown model option 'widht' \(did you mean 'width'\?\); there is: width"
    ):
        WideOptions(widht=2)


def test_a_space_is_bound_to_the_layers_of_a_model():
    space = SearchSpace(name="two", candidates=("h", "v", "w2"), keep=1, stages={1: {"candidates": ["h", "v"]}})
    bound = bind_to(space, Plain("plain", ""), SHAPE)
    assert [(layer.grid, layer.candidates) for layer in bound] == [((8, 8), ("h", "v", "w2")), ((4, 4), ("h", "v"))]


def test_costs_limit_what_is_bound():
    spec = MODELS.get("local_vim_nano").configure(depth=1, patch_size=2)
    budget = {"limit": 10, "formula": "vmamba"}
    space = SearchSpace(name="two", candidates=("h", "v"), keep=1, budget=budget)
    with pytest.raises(
        ScansearchError, match="the budget is 10 FLOPs, but without any direction the network costs 28,320 FLOPs"
    ):
        bind_to(space, spec, SHAPE, costs_of(space, spec, SHAPE))


def test_by_default_a_model_is_neither_counted_nor_published():
    spec = Plain("plain", "")
    with pytest.raises(UnsupportedError, match="measure it with `scansearch bench --model plain --unit ms`"):
        flops_table(spec, [["h"]] * 2, SHAPE)
    assert spec.official(SHAPE) is None
    one, other = spec.network([], SHAPE), spec.network([], SHAPE)
    spec.load_official(other, spec.official_state_dict(one))
    assert one.weight.equal(other.weight)
    with pytest.raises(
        ScansearchError, match="not those of this plain: 2 missing: weight, bias; no model here"
    ) as caught:
        spec.load_official(other, {})
    assert "\n" not in str(caught.value)


def test_local_vim_is_vision_mamba_in_local_mambas_code():
    spec = MODELS.get("local_vim_tiny")
    sizes = {"patch_size": 16, "embed_dim": 192, "depth": 20}
    assert spec.official(None) == Official("LocalMamba", "VisionMamba", sizes)
    other = spec.configure(patch_size="auto", d_state=8, class_token="middle", windows="padded")
    found = other.official(ImageShape(64, 64, channels=3, classes=2))
    token = {"if_cls_token": True, "use_middle_cls_token": True}
    assert found.settings == {**sizes, **token, "patch_size": 4, "ssm_cfg": {"d_state": 8}}
    assert found.unlike == ()
    assert found.windows == "padded"
    with pytest.raises(UnsupportedError, match="depends on its images, .* add patch_size to its options"):
        other.official(None)
