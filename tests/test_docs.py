"""The guide tells the truth: commands parse, names exist, code compiles, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.main

import scansearch
from scansearch.cli.main import app
from scansearch.cli.run_options import DEFAULTS
from scansearch.cost import CostTable
from scansearch.genotype import find_genotype
from scansearch.registry import MODELS, SCAN_ORDERS, SEARCH_SPACES
from scansearch.scans import ScanOrder
from scansearch.searching.configure import make_config
from scansearch.searching.overrides import SECTIONS
from scansearch.testing import check_strategy

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = {"mine": "default8", "uniform": "darts"}
"""Names of plug-ins that the guide makes up, and what stands in for them here."""
SHORT = {"epochs": 1, "limit": 32, "validation_limit": 10}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def commands(page: Path) -> list[str]:
    """The scansearch command lines of a page, in blocks and in running text."""
    lines = [line.removeprefix(".venv/bin/") for block in blocks(page, "sh") for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    inline = re.findall(r"`(scansearch [^`]+)`", prose)
    return [line for line in [*lines, *inline] if line.startswith("scansearch ")]


def python_blocks() -> list[tuple[str, str]]:
    return [(f"{page.name}-{i}", code) for page in PAGES for i, code in enumerate(blocks(page, "python"))]


def ids(pairs):
    return {"argvalues": [pair[1] for pair in pairs], "ids": [pair[0] for pair in pairs]}


@pytest.mark.parametrize(
    "line", **ids([(f"{page.name}: {line}", line) for page in PAGES for line in dict.fromkeys(commands(page))])
)
def test_a_command_parses_and_its_names_exist(line):
    _, name, *arguments = shlex.split(line, comments=True)
    group = typer.main.get_command(app)
    assert name in group.commands, f"there is no command {name!r}"
    # A bare name is a mention of the command, not a call.
    given = group.commands[name].make_context(name, arguments, resilient_parsing=not arguments).params
    if name == "run" and arguments:
        flags = {key: given[key] for key in ("epochs", "batch_size") if given[key] is not None}
        named = {key: given[key] or default for key, default in DEFAULTS.items()}
        space = named["space"] if not named["space"].endswith(".json") else "default8"
        make_config(
            space=SEARCH_SPACES.get(OTHERS.get(space, space)),
            strategy=OTHERS.get(named["strategy"], named["strategy"]),
            model=named["model"],
            data=named["data"],
            preset=given["preset"],
            layers=[("", {"train": flags})],
            assignments=given["settings"],
        )
    elif name in ("plot", "export"):
        for source in given.get("sources") or [given.get("source") or ""]:
            if "local_" in source:
                find_genotype(source)


@pytest.mark.parametrize("code", **ids(python_blocks()))
def test_python_compiles_and_uses_what_exists(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "scansearch":
            assert hasattr(scansearch, node.attr), f"there is no scansearch.{node.attr}"
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.fixture(scope="module")
def a_few_steps(tmp_path_factory):
    """A folder in which the guide's first search was made, and a search that is as short, whatever it is told."""
    folder = tmp_path_factory.mktemp("guide")

    def search(out, **settings):
        return real(folder / out, **{**settings, **SHORT})

    real = scansearch.search
    search("runs/first")
    return SimpleNamespace(folder=folder, search=search)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_runs_as_it_is_printed(page, a_few_steps, monkeypatch):
    monkeypatch.chdir(a_few_steps.folder)
    monkeypatch.setattr(scansearch, "search", a_few_steps.search)
    models = dict(MODELS._registered)
    found = {"__name__": "guide"}
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), found)
    for name in MODELS._registered.keys() - models:
        MODELS.unregister(name)


def test_the_contributors_plug_ins_work():
    found: dict = {}
    for code in blocks(ROOT / "CONTRIBUTING.md", "python"):
        exec(compile(code, "CONTRIBUTING.md", "exec"), found)
    SCAN_ORDERS.register("upward", found["UPWARD"])
    try:
        assert ScanOrder("upward_flip").indices(2, 2).tolist() == [1, 0, 3, 2]
    finally:
        SCAN_ORDERS.unregister("upward")
    strategy = found["Uniform"](found["Uniform"].Settings())
    strategy.space = found["MINE"].bind([(8, 8), (4, 4)])
    assert [choice.weights.sum() for choice in strategy.select(0)] == [1, 1]
    assert strategy.choose() == ((0, 1), (0, 1))


@pytest.mark.slow
def test_the_strategies_of_the_guide_conform():
    found: dict = {"__name__": "guide"}
    for code in blocks(ROOT / "docs" / "own-strategy.md", "python"):
        exec(compile(code, "own-strategy.md", "exec"), found)
    check_strategy(found["Climb"], settings=found["TestClimb"].settings, quick=True)
    check_strategy(found["Sharpening"], quick=True)


def test_scan_names_in_the_guide_exist():
    for page in PAGES:
        for name in re.findall(r"`(\w+_flip)`", page.read_text()):
            assert ScanOrder(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_data_in_the_guide_is_valid(page):
    for text in blocks(page, "json"):
        data = json.loads(text)
        schema = data["schema"] if isinstance(data, dict) else ""
        kinds = {"/space/": scansearch.SearchSpace, "/cost/": CostTable}
        reader = next((kind for part, kind in kinds.items() if part in schema), scansearch.Genotype)
        reader.from_dict(data, page.name)
    for text in blocks(page, "toml"):
        data = tomllib.loads(text)
        if "candidates" in data:
            scansearch.SearchSpace.from_dict(data, page.name)
        else:
            assert "entry-points" in text or set(data) <= set(SECTIONS)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    for link in [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]:
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target) if target else page
        assert path.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {link}, a heading that is not there"


def test_the_first_screen_of_the_readme_tells_what_to_do():
    text = (ROOT / "README.md").read_text()
    screen = text[: text.index("\n## ")]
    assert screen.count("\n") < 30
    assert blocks(ROOT / "README.md", "sh")[0].split("#")[0].strip() == "make demo"
    assert "make test" in blocks(ROOT / "README.md", "sh")[0]
    assert screen.count("<img ") == 1
    assert screen.index("make demo") < screen.index("<img ") < screen.index("**Next: ")
    assert not re.search(r"^\|", text, re.M), "tables are in docs/"


def test_benchmarks_begin_with_the_machine():
    before, tables = (ROOT / "docs" / "benchmarks.md").read_text().split("\n## ", 1)
    assert "was measured on **" in before
    assert re.search(r"^\|", tables, re.M)


def test_every_page_is_in_the_navigation():
    named = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M))
    assert named == {page.name for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_belongs_to_an_item_is_indented_by_four(page):
    """By less, or without an empty line before the next item, MkDocs ends the list there; other readers of Markdown do not."""
    assert not re.findall(r"\n\n {1,3}\S.*|\n    \S.*\n- .*", page.read_text())


def test_make_targets_of_the_guide_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z][\w-]*)", page.read_text(), re.M)}
    assert used <= targets, f"no such target: {used - targets}"


def test_setting_names_in_running_text_exist():
    names = {name for page in PAGES for name in re.findall(r"`--set (\w+)=", page.read_text())}
    for name in sorted(names):
        with pytest.raises(scansearch.ScansearchError) as caught:
            make_config(
                space=SEARCH_SPACES.get("default8"),
                strategy="darts",
                model="local_vim_micro",
                data="digits",
                settings={name: {"no": "such value"}},
            )
        assert "unknown setting" not in str(caught.value)
