"""The examples of the pages on spaces, orders, costs and genotypes run as they are printed."""

from __future__ import annotations

import re
import shlex
import struct
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import typer.main
from typer.testing import CliRunner

import scansearch
from scansearch.cli.main import app
from scansearch.cli.run_options import DEFAULTS
from scansearch.cost import costs_of
from scansearch.models import bind_to
from scansearch.registry import MODELS
from scansearch.runs.run import Run
from scansearch.searching.configure import make_config
from scansearch.shape import ImageShape
from scansearch.space import SearchSpace, find_space

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("search-spaces", "scan-orders", "cost", "genotype")
SHORT = ["--epochs", "1", "--set", "limit=64", "--set", "scan_backend=torch", "--set", "batch_size=32"]
MEASURED = (
    "bench --model",
    "bench --space",
    'table = "costs.json"',
    "--strategy single_path",
    "--figure gallery",
    "--figure similarity",
)
"""Parts of commands that take minutes: they measure, search a wide space, or draw the whole catalogue."""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / f"{page}.md").read_text(), re.M | re.S)


def example_spaces() -> dict[str, str]:
    """The TOML examples by the name that the space has."""
    found = blocks("search-spaces", "toml")
    return {re.search(r'^name = "(\w+)"', text, re.M)[1]: text for text in found}


def commands() -> list[str]:
    lines = [line for page in PAGES for text in blocks(page, "sh") for line in text.splitlines()]
    return [line for line in lines if line and not any(part in line for part in MEASURED)]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A folder with the files that the page on spaces tells to write."""
    monkeypatch.chdir(tmp_path)
    for name, text in example_spaces().items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def run(line: str, *more: str) -> str:
    _, *arguments = shlex.split(line, comments=True)
    result = CliRunner().invoke(app, [*arguments, *more])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("line", [line for line in commands() if not line.startswith("scansearch run")])
def test_a_command_runs_as_printed(line, page, monkeypatch):
    monkeypatch.setattr("scansearch.figures.style.DPI", 40)
    run(line)


SEARCHES = [line for line in commands() if line.startswith("scansearch run")]


@pytest.mark.slow
@pytest.mark.parametrize("line", SEARCHES)
def test_a_search_runs_as_printed(line, page):
    run(line, *SHORT)


@pytest.mark.parametrize("line", SEARCHES)
def test_the_space_of_a_search_fits_its_model_and_its_budget(line, page):
    _, name, *arguments = shlex.split(line, comments=True)
    given = typer.main.get_command(app).commands[name].make_context(name, arguments).params
    config = make_config(
        space=find_space(given["space"] or DEFAULTS["space"]),
        **{name: given[name] or DEFAULTS[name] for name in ("strategy", "model", "data")},
        assignments=given["settings"],
    )
    space, spec = SearchSpace.from_dict(config.space), MODELS.get(config.model.name)
    shape = ImageShape(8, 8, channels=1, classes=10)  # of digits
    bound = bind_to(space, spec, shape, costs_of(space, spec, shape))
    assert bound.size > 1


def test_the_space_of_four_stages_is_one_for_a_model_of_four_stages(page):
    layers = scansearch.published("local_vmamba_tiny").layers
    space = SearchSpace.load("four_stages.toml")
    assert space.size([layer.grid for layer in layers], [layer.stage for layer in layers]) == 70**15
    with pytest.raises(scansearch.ScansearchError, match=r"something about stages\.3"):
        space.bind([(8, 8)] * 6)


@pytest.fixture
def clothes(tmp_path):
    """A folder like that of Fashion-MNIST, with few images."""
    random = np.random.default_rng(0)
    for part, count in (("train", 200), ("t10k", 30)):
        arrays = {"images-idx3": random.integers(0, 256, (count, 28, 28)), "labels-idx1": np.arange(count) % 10}
        for name, array in arrays.items():
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (tmp_path / f"{part}-{name}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())
    return tmp_path


def test_from_images_to_a_file_that_runs_elsewhere_by_the_four_commands_of_the_readme(clothes, page):
    """The last one's numbers are the network's own: ``tests/export/test_onnx_file.py`` checks such files at several sizes."""
    readme = (DOCS.parent / "README.md").read_text()
    lines = re.search(r"^scansearch run --data fashion-mnist.*?(?=```)", readme, re.M | re.S)[0].splitlines()
    assert [line.split()[1] for line in lines] == ["run", "train", "evaluate", "export"]
    search, train, evaluate, export = lines
    run(search, "--data-root", str(clothes), *SHORT, "--model", "local_vim_nano")
    run(train, *SHORT)
    assert "of 30 test images of fashion-mnist, 28 x 28" in run(evaluate)
    run(export)
    network = Run.open("runs/fashion-trained").network()
    image = torch.rand(3, 1, 28, 28)
    (file,) = Path("runs/fashion-trained/export").glob("*.onnx")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(logits), network(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "code"),
    [(f"{name}-{i}", code) for name in PAGES for i, code in enumerate(blocks(name, "python"))],
)
def test_python_runs_as_printed(name, code, page):
    exec(compile(code, name, "exec"), {"__name__": name})
