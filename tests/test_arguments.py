from pathlib import Path

import pytest

import scansearch
from scansearch.arguments import typed
from scansearch.errors import ScansearchError
from scansearch.training.events import Silent

SEARCH, BUILD, LOAD = scansearch.search, scansearch.build, scansearch.load_genotype
WRONG = {
    "path": (lambda: LOAD(3), "load_genotype takes text or a path as path, but got 3"),
    "bytes": (lambda: LOAD(b"g.json"), "load_genotype takes text or a path as path, but got a bytes"),
    "preset": (lambda: SEARCH("x", preset=4), "search takes text or None as preset, but got 4"),
    "listener": (lambda: SEARCH("x", listener=3), "search takes a Listener or None as listener, but got 3"),
    "out": (lambda: SEARCH(3), "search takes text or a path as out, but got 3"),
    "none": (lambda: SEARCH(None), "search takes text or a path as out, but got None"),
    "space": (lambda: SEARCH("x", space=["h"]), "search takes text or a SearchSpace as space, but got a list"),
    "strategy": (lambda: SEARCH("x", strategy=None), "search takes text as strategy, but got None"),
    "seed": (lambda: SEARCH("x", seed="3"), "search takes an integer as seed, but got '3'"),
    "true": (lambda: SEARCH("x", seed=True), "search takes an integer as seed, but got True"),
    "devices": (lambda: scansearch.resume("x", devices="2"), "resume takes an integer or None as devices, but got '2'"),
    "progress": (lambda: scansearch.resume("x", progress=2), "resume takes True or False or None as progress, but got 2"),
    "confirm": (lambda: scansearch.confirm(3), "confirm takes text or a path as path, but got 3"),
    "published": (lambda: scansearch.published(3), "published takes text as name, but got 3"),
    "model": (lambda: BUILD(3, space="default8"), "build takes text as model, but got 3"),
    "genotype": (lambda: BUILD("local_vim_nano", genotype="g.json"), "a sequence or None as genotype, but got 'g.json'"),
    "text": (lambda: scansearch.Genotype.from_directions("hv"), "takes a sequence as directions, but got 'hv'"),
    "a layer": (lambda: scansearch.Genotype.from_directions(["hv"]), "layers.0.directions: input should be a valid tuple"),
    "load": (lambda: scansearch.Genotype.load(3), "Genotype.load takes text or a path as path, but got 3"),
    "save": (lambda: scansearch.published("vim_tiny").save(3), "save takes text or a path as path, but got 3"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_type_is_refused_in_one_line(call, says):
    with pytest.raises(ScansearchError) as caught:
        call()
    assert says in str(caught.value)


def test_right_types_pass_and_nothing_is_converted():
    @typed
    def given(path: str | Path, number: int = 0, listener: scansearch.training.events.Listener | None = None, **more):
        return path, number, listener, more

    quiet = Silent()
    assert given("x", listener=quiet, other=3) == ("x", 0, quiet, {"other": 3})
    assert given(Path("x"), 7) == (Path("x"), 7, None, {})
    with pytest.raises(TypeError, match="missing"):
        given()
