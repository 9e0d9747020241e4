"""Which option of a model does not fit which genotype, and what to do."""

import pytest

import scansearch
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.models import ImageShape, ModelSpec
from scansearch.models.genotype_fit import check_genotype
from scansearch.registry import MODELS

SMALL = ImageShape(8, 8, channels=1, classes=10)


def genotype(layers):
    return Genotype.from_directions([["h"]] * layers)


def refusal(model, options, layers, shape=SMALL):
    spec: ModelSpec = MODELS.get(model)
    with pytest.raises(ScansearchError) as caught:
        check_genotype(genotype(layers), spec.configure(**options), shape)
    return str(caught.value)


def test_a_genotype_of_as_many_layers_fits():
    check_genotype(genotype(5), MODELS.get("local_vim_nano").configure(depth=5), SMALL)


def test_the_option_is_named_and_what_would_fit():
    assert refusal("local_vim_nano", {"depth": 5, "drop_path": 0.1, "embed_dim": 16}, 4) == (
        "a genotype for local_vim_nano with depth=5 has 5 layers, but this one has 4; set depth=4, or choose a genotype of 5 layers"
    )
    assert refusal("local_vim_nano", {"depth": 5}, 3).endswith("set depth=3, or choose a genotype of 5 layers")
    assert "for local_vim_nano has 4 layers, but this one has 3; set depth=3" in refusal("local_vim_nano", {}, 3)
    usual = MODELS.get("local_vmamba_nano").options.depths
    more = [usual[0] + 1, *usual[1:]]
    told = refusal("local_vmamba_nano", {"depths": more}, sum(usual), ImageShape(32, 32, channels=3, classes=10))
    assert f"local_vmamba_nano with depths={more} has" in told
    assert f"set depths={usual}, or choose" in told


def test_where_no_option_helps_another_model_does():
    told = refusal("local_vmamba_nano", {}, 1, ImageShape(32, 32, channels=3, classes=10))
    assert told.endswith("search local_vmamba_nano itself, or choose a model of that depth")


def test_every_way_to_the_network_says_so(tmp_path):
    says = "local_vim_nano with depth=5 has 5 layers[,;].* set depth=4"
    with pytest.raises(ScansearchError, match=says):
        scansearch.build("local_vim_nano", genotype=genotype(4), image_size=8, depth=5)
    with pytest.raises(ScansearchError, match=says) as caught:
        scansearch.train(tmp_path / "run", genotype=genotype(4), model="local_vim_nano", data="digits", depth=5)
    assert "local_vim_nano" not in str(caught.value).partition(" by --model ")[2]  # which it is already
    assert not (tmp_path / "run").exists()
