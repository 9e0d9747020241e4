"""Two small batches give the memory of a step of any batch."""

import json
import os
import subprocess
import sys

import pytest

from scansearch.machine.live_memory import LiveMemory
from scansearch.machine.numerics import run_numerics
from scansearch.models import ModelSpec
from scansearch.runs.folder import RunFolder
from scansearch.searching.assemble import assemble
from scansearch.searching.footprint import CUT_OFF, Counted, Footprint, footprint, whole_mixture
from scansearch.searching.memory_bound import at_most
from scansearch.searching.mixture_choice import BEYOND, settled
from scansearch.searching.search_parts import make_loop
from scansearch.training.events import Silent
from scansearch.training.join import join

ERROR = 0.15
VMAMBA = {"model": "local_vmamba_nano", "image_size": 32}
VIM = {"model": "vim_tiny", "image_size": 32, "patch_size": 8, "depth": 4}
QUICK = [
    {"model": "local_vim_nano", "batch_size": 64},
    {**VMAMBA, "space": "wide32", "batch_size": 16},
    {**VIM, "space": "global4", "batch_size": 16},
]
GRID = [
    {**model, "space": space, "batch_size": batch}
    for model in ({"model": "local_vim_nano"}, {"model": "local_vim_micro"}, VMAMBA, VIM)
    for space in ("default8", "wide32")
    for batch in (16, 64, 192)
]
CODE = """
import json, sys
from benchmarks.memory import CLEAR, MEGABYTE, peak_memory
from scansearch.machine.numerics import run_numerics
from scansearch.machine.resident_memory import resident_memory
from scansearch.runs.folder import RunFolder
from scansearch.searching.assemble import assemble
from scansearch.searching.configure import make_config
from scansearch.searching.footprint import footprint
from scansearch.searching.memory_fit import device_of
from scansearch.searching.mixture_choice import settled
from scansearch.searching.mixture_choice import BEYOND
from scansearch.searching.search_parts import make_loop
from scansearch.space import find_space
from scansearch.training.events import Silent
from scansearch.training.join import join

def compared(space="default8", model="", **settings):
    config = make_config(space=find_space(space), strategy="darts", model=model, data="digits", settings=settings)
    machine, fabric = join(config.machine)
    parts = settled(assemble(config, fabric, Silent()), config, 1)
    live = footprint(parts, config, parts.spec).bytes_at(config.train.batch_size)
    said = device_of(parts, config)._replace(base=resident_memory()).needs(live)
    CLEAR.write_text("5")
    loop = make_loop(parts, config, RunFolder("."), Silent())
    for _ in range(2):
        loop.advance()
    return said / MEGABYTE, peak_memory()

with run_numerics():
    print(json.dumps([compared(**case) for case in json.loads(sys.argv[1])]))
"""


def compared(cases):
    """MB as estimated and as measured, of searches in a process of their own."""
    told = [sys.executable, "-c", CODE, json.dumps(cases)]
    done = subprocess.run(told, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


linux = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="peaks are forgotten by Linux alone")


@linux
def test_it_is_what_is_measured():
    for case, (said, measured) in zip(QUICK, compared(QUICK), strict=True):
        assert said == pytest.approx(measured, rel=ERROR), case


@linux
@pytest.mark.slow
@pytest.mark.parametrize("case", GRID, ids=lambda case: " ".join(map(str, case.values())))
def test_it_is_what_is_measured_everywhere(case):
    [(said, measured)] = compared([case])
    assert said == pytest.approx(measured, rel=ERROR)


@pytest.fixture
def made(tiny):
    def make(**settings):
        config = tiny(scan_backend="cpu", **settings)
        _, fabric = join(config.machine)
        return assemble(config, fabric, Silent()), config

    with run_numerics():
        yield make


@pytest.mark.parametrize(
    "settings",
    [{}, {"mixture": "streamed"}, {"level": "bilevel"}, {"optimizer": "sgd", "lr": 0.01}],
    ids=str,
)
def test_it_is_exact(made, settings):
    parts, config = made(**settings)
    found = footprint(parts, config, parts.spec)
    with LiveMemory() as memory:
        loop = make_loop(parts, config, RunFolder("."), Silent())
        for _ in range(2):
            loop.step = loop.plan.steps - 1
            loop.advance()
    assert found.bytes_at(32) == pytest.approx(max(memory.bytes), rel=0.02)


@pytest.mark.parametrize(
    "settings",
    [{}, {"level": "unrolled"}, {"strategy": "single_path"}, {"sandwich": 2}, {"perturb": "adversarial"}],
    ids=str,
)
def test_the_mixture_of_all_candidates_gives_a_bound(made, settings):
    parts, config = made(**settings)
    bound, found = whole_mixture(parts, parts.spec), footprint(parts, config, parts.spec).bytes_at(32)
    assert BEYOND * bound.at_most(32) > found
    assert at_most(parts, 32) > 2 * found


def test_models_that_count_no_flops_have_no_bound_by_arithmetic(made, monkeypatch):
    parts, config = made()
    monkeypatch.setattr(type(parts.spec), "flops", ModelSpec.flops)
    assert at_most(parts, 1) is None
    assert settled(parts, config, 1) is parts  # it is counted, and fits


def test_processes_that_are_not_there_yet_have_copies_of_their_gradients(made):
    parts, one = made()
    two = one.model_copy(update={"machine": one.machine.model_copy(update={"devices": 2})})
    alone, shared = (footprint(parts, config, parts.spec).bytes_at(16) for config in (one, two))
    assert shared - alone == 4 * sum(p.numel() for p in parts.supernet().parameters())


def test_ways_with_less_memory_need_less(made):
    parts, config = made(depth=4)
    needs = [
        footprint(parts, config, parts.spec.configure(mixture=way)).bytes_at(256)
        for way in ("keep", "recompute", "streamed")
    ]
    assert needs == sorted(needs, reverse=True)
    assert needs[2] < needs[0] / 2


def test_another_operation_may_be_the_peak_of_a_larger_batch():
    found = Footprint(Counted(2, [100, 20]), Counted(4, [100, 40]))
    assert [found.bytes_at(images) for images in (2, 4, 10, 100)] == [100, 100, 100, 1000]


def test_of_steps_that_differ_the_peaks_are_on_a_line():
    found = Footprint(Counted(2, [10]), Counted(4, [10, 14]))
    assert [found.bytes_at(images) for images in (2, 4, 8)] == [10, 14, 22]


def test_where_there_are_hardly_any_images_one_step_is_enough():
    found = Footprint(Counted(2, [10]), Counted(2, [10]))
    assert [found.bytes_at(images) for images in (1, 2)] == [10, 10]


def test_a_step_that_fills_the_memory_is_cut_off(made):
    parts, config = made()
    few, many = (max(counted.live) for counted in footprint(parts, config, parts.spec))
    assert footprint(parts, config, parts.spec, many - 1).bytes_at(2) == few
    cut = footprint(parts, config, parts.spec, few - 1)
    assert round(CUT_OFF * few) <= cut.bytes_at(1) == cut.bytes_at(2) < cut.bytes_at(32)
