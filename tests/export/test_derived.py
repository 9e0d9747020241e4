"""What exporters are given says its model, or in one line why it has none."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from scansearch.errors import ScansearchError
from scansearch.export.derived import DerivedNetwork, trained_weights
from scansearch.genotype import Genotype
from scansearch.runs.weights_file import NetworkFacts, save_weights
from scansearch.shape import ImageShape


def test_its_model_has_the_options_of_the_genotype():
    genotype = Genotype.from_directions([["h"]] * 3, model="local_vim_tiny", options={"depth": 3})
    assert len(DerivedNetwork(genotype).spec.layers(ImageShape(224, 224, 3, 1000))) == 3
    assert DerivedNetwork(genotype).shape is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "this genotype names no model"),
        ({"model": "nope"}, "unknown model 'nope'"),
        ({"model": "local_vim_tiny", "options": {"nope": 1}}, "unknown option of model local_vim_tiny 'nope'"),
    ],
)
def test_a_model_that_there_is_not_is_one_line(fields, says):
    with pytest.raises(ScansearchError, match=says) as caught:
        _ = DerivedNetwork(Genotype.from_directions([["h"]], **fields)).spec
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "title", "name"),
    [
        ("local_vim_micro", "first", "local_vim_micro_first"),
        ("local_vim_tiny", "local_vim_tiny", "local_vim_tiny"),
        ("local_vim_tiny", "", "local_vim_tiny"),
        ("9 lives", "a-b", "_9_lives_a_b"),
        ("класс", "../x", "model_x"),
    ],
)
def test_its_name_is_one_of_python(model, title, name):
    network = DerivedNetwork(Genotype.from_directions([["h"]], model=model), title=title)
    assert network.name == name
    assert name.isidentifier()


def test_weights_of_a_run_folder(tmp_path):
    shape = {"height": 4, "width": 4, "channels": 1, "classes": 2}
    genotype = Genotype.from_directions([["h"]], model="local_vim_nano", options={"depth": 1}, shape=shape)
    network = DerivedNetwork(genotype).with_initial_weights()
    again = DerivedNetwork(genotype).with_initial_weights()
    assert not network.trained
    assert all(torch.equal(value, again.weights[name]) for name, value in network.weights.items())
    assert trained_weights(tmp_path, genotype) is None
    save_file(dict(network.weights), tmp_path / "weights.safetensors")
    found = DerivedNetwork(genotype, trained_weights(tmp_path, genotype)).build().state_dict()
    assert all(torch.equal(value, found[name]) for name, value in network.weights.items())
    (tmp_path / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(ScansearchError, match=r"weights\.safetensors: cannot read these weights"):
        trained_weights(tmp_path, genotype)


def test_weights_of_another_genotype_than_the_folder_has_are_refused(tmp_path):
    shape = {"height": 4, "width": 4, "channels": 1, "classes": 2}
    told = {"model": "local_vim_nano", "options": {"depth": 1}, "shape": shape}
    genotype = Genotype.from_directions([["h", "v"]], **told)
    facts = NetworkFacts(
        **told, directions=genotype.directions, class_names=("a", "b"), mean=(0.5,), std=(0.5,)
    )  # fmt: skip
    save_weights(tmp_path / "weights.safetensors", DerivedNetwork(genotype).build(), facts)
    assert trained_weights(tmp_path, genotype) is not None
    for fields, says in (
        ({"directions": [["v", "h"]]}, "directions"),  # the same tensors, which would scan the other way
        ({"options": {"depth": 1, "windows": "padded"}}, "options"),
        ({"shape": {**shape, "height": 8, "width": 2}}, "shape"),
    ):
        changed = {"directions": [["h", "v"]], **told, **fields}
        with pytest.raises(ScansearchError, match=rf"genotype\.json says {says} = .*, but weights\.safetensors is of"):
            trained_weights(tmp_path, Genotype.from_directions(changed.pop("directions"), **changed))
