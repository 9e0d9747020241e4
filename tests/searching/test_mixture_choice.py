"""Which way of running directions a search takes, and that it stays with it."""

import functools
import json

import pytest

from scansearch.errors import ScansearchError
from scansearch.machine.numerics import run_numerics
from scansearch.runs.environment_json import read_environment
from scansearch.runs.run import Run
from scansearch.searching.assemble import assemble, resume, start
from scansearch.searching.footprint import footprint
from scansearch.searching.memory_fit import Device, batch_of, device_of, gigabytes, too_much
from scansearch.searching.mixture_choice import MODES, choose, running, settled
from scansearch.training.events import Silent
from scansearch.training.join import join


@pytest.fixture
def made(tiny):
    def make(**settings):
        config = tiny(**{"mixture": "auto", "scan_backend": "cpu", **settings})
        _, fabric = join(config.machine)
        return assemble(config, fabric, Silent()), config

    with run_numerics():
        yield make


@pytest.fixture
def memory(monkeypatch):
    """``memory(bytes)``: as if the machine had so many, and a process needed none."""

    return functools.partial(have, monkeypatch)


def have(patch, total):
    patch.setattr("scansearch.searching.memory_fit.device_memory", lambda device: int(total))
    patch.setattr("scansearch.searching.memory_fit.PROCESS", 0)
    patch.setattr("scansearch.searching.memory_fit.PIECES", 0)


@pytest.fixture(scope="module")
def needs(tiny):
    """The bytes that each way of running its directions needs in a search of batches of 96."""
    config = tiny(mixture="auto", scan_backend="cpu", batch_size=96)
    with run_numerics(), pytest.MonkeyPatch.context() as patch:
        have(patch, 1)
        _, fabric = join(config.machine)
        parts = assemble(config, fabric, Silent())
        device, images = device_of(parts, config), batch_of(parts, config)
        found = {way: footprint(parts, config, running(parts.spec, way)) for way in MODES}
        return {way: device.needs(one.bytes_at(images)) for way, one in found.items()}


@pytest.mark.parametrize("way", MODES)
def test_it_is_the_fastest_that_fits(made, memory, needs, way):
    memory(needs[way] / 0.79)
    parts, config = made(batch_size=96)
    choice = choose(parts, config, device_of(parts, config), 1)
    assert choice.mixture == way
    assert choice.reason.startswith(f"{way} is the fastest way that fits: at most about ")
    found = settled(parts, config, 1)
    assert found.spec.options.mixture == found.environment["mixture"] == way
    assert found.environment["mixture_reason"] == choice.reason  # the same machine, the same choice


def test_what_cannot_fit_is_refused_and_says_what_would(made, memory, needs):
    memory(needs["streamed"] / 2)
    parts, config = made(batch_size=96)
    with pytest.raises(ScansearchError, match=r"^this search needs about .* but the cpu has .*; use --batch-size 24, "):
        settled(parts, config, 1)


def test_a_narrow_fit_is_tried(made, memory, needs):
    memory(needs["streamed"] / 1.05)
    parts, config = made(batch_size=96)
    found = settled(parts, config, 1)
    assert found.environment["mixture_reason"].startswith("streamed needs the least memory: ")


def test_where_there_is_room_the_strategy_is_not_run(made, monkeypatch):
    parts, config = made()
    monkeypatch.setattr(type(parts.strategy), "select", None)
    assert choose(parts, config, device_of(parts, config), 1).mixture == "keep"


def test_a_system_that_does_not_say_keeps(made, memory):
    memory(0)
    parts, config = made()
    assert choose(parts, config, device_of(parts, config), 1)[:2] == (
        "keep",
        "keep, as the system does not say how much memory it has",
    )


@pytest.mark.parametrize("settings", [{"strategy": "random_search", "judge": "training"}], ids=str)
def test_where_no_supernet_is_trained_there_is_nothing_to_choose(made, settings):
    parts, config = made(**settings)
    assert settled(parts, config, 1) is parts


def test_what_the_settings_say_is_done(tiny, memory):
    config = tiny(mixture="recompute")
    with run_numerics():
        _, fabric = join(config.machine)
        memory(1 << 30)
        found = settled(assemble(config, fabric, Silent()), config, 1)
    assert found.spec.options.mixture == found.environment["mixture"] == "recompute"
    assert "mixture_reason" not in found.environment


def test_what_they_say_is_not_counted_where_there_is_room(made, monkeypatch):
    parts, config = made(mixture="keep")
    monkeypatch.setattr("scansearch.searching.mixture_choice.footprint", None)
    assert settled(parts, config, 1) is parts


@pytest.mark.parametrize("way", ["keep", "recompute"])
def test_what_they_say_is_refused_where_it_cannot_fit_and_what_would_is_said(made, memory, needs, way):
    memory(needs["streamed"] / 0.79)
    parts, config = made(batch_size=96, mixture=way)
    with pytest.raises(ScansearchError, match="^this search needs .* cpu has .*; use --set mixture=streamed, with"):
        settled(parts, config, 1)


def test_of_several_nodes_that_with_the_least_memory_counts(made, monkeypatch):
    parts, config = made()
    monkeypatch.setattr("scansearch.training.processes.Processes.gather", lambda self, value: [value, 5 << 30, 0])
    assert device_of(parts, config).total == 5 << 30


def test_a_run_that_goes_on_stays_with_it(tiny, tmp_path, monkeypatch):
    config = tiny(mixture="auto", epochs=1)
    monkeypatch.setattr("scansearch.searching.mixture_choice.MODES", ("streamed",))
    start(config, tmp_path / "run")
    before = read_environment(tmp_path / "run")
    assert before["mixture"] == "streamed"
    assert before["mixture_reason"].startswith("streamed is the fastest")
    assert Run.open(tmp_path / "run").config.machine.mixture == "auto"
    (tmp_path / "run" / "genotype.json").unlink()
    monkeypatch.setattr("scansearch.searching.mixture_choice.MODES", ("keep",))
    warned = []
    resume(tmp_path / "run", type("Told", (Silent,), {"warned": lambda self, line: warned.append(line)})())
    assert not [line for line in warned if "mixture" in line]
    assert json.loads((tmp_path / "run" / "environment.json").read_text()) == before


def test_processes_share_the_memory_of_a_machine_but_not_a_gpu():
    cpu, gpu = Device("cpu", 100 << 30, 4, 1 << 30), Device("cuda", 100 << 30, 4, 1 << 30)
    assert cpu.needs(10 << 30) > 44 << 30
    assert gpu.needs(10 << 30) == 10 << 30
    assert not cpu.fits(20 << 30)
    assert not cpu.fails(22 << 30)
    assert cpu.fails(30 << 30)
    assert gpu.fits(80 << 30)
    assert not gpu.fits(81 << 30)


class Line:
    """A footprint that grows by so much an image."""

    def __init__(self, an_image):
        self.an_image = an_image

    def bytes_at(self, images):
        return self.an_image * images


@pytest.mark.parametrize(
    ("found", "batch", "says"),
    [
        ({"keep": 1 << 30, "recompute": 1 << 29, "streamed": 1 << 28}, 100, "use --set mixture=recompute, "),
        ({"keep": 1 << 30, "recompute": 1 << 30, "streamed": 1 << 28}, 100, "use --set mixture=streamed, "),
        ({"keep": 1 << 30, "streamed": 1 << 30}, 128, "use --batch-size 64 --set mixture=streamed, "),
        ({"streamed": 1 << 30}, 1000, "use --batch-size 62, with which it needs about 62 GB"),
        ({"streamed": 1 << 40}, 8, "and even a batch of 1 does not fit; take a smaller model, larger patches or fewer"),
    ],
)
def test_the_setting_that_would_do_is_named(found, batch, says):
    device = Device("cuda", 80 << 30, 1, 0)
    line = too_much(device, {way: Line(size) for way, size in found.items()}, batch, 1)
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("sharing", "says"), [(1, "a process takes about 0.81 GB: take a machine, or"), (4, "use fewer --devices")]
)
def test_where_not_even_a_process_fits_no_setting_is_named(sharing, says):
    line = too_much(
        Device("cpu", 512 << 20, sharing, 800 << 20), {"keep": Line(1 << 20), "streamed": Line(1)}, 64, sharing
    )
    assert "which is too little for what comes before any network" in line
    assert says in line


def test_sizes_are_readable():
    assert [gigabytes(int(size * 2**30)) for size in (0.1234, 3.21, 42.4)] == ["0.12 GB", "3.2 GB", "42 GB"]
