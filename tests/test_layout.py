"""The shape of the repository: arrows run one way, imports stay light, everything public is explained."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
CORE = ROOT / "scansearch"
PLUGIN_FOLDERS = ("search_spaces", "strategies", "reports")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LONGEST_LOOP = 300


def sources(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return name if name.startswith("scansearch") else f"scansearch.{name}"


def imports(path: Path) -> Iterator[str]:
    """Every module that a file may import, at the top or inside a function, relative ones resolved."""
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


PLUGIN_PACKAGES = tuple(f"scansearch.{folder}" for folder in PLUGIN_FOLDERS) + PLUGIN_FOLDERS


@pytest.mark.parametrize("path", sources(CORE), ids=module_name)
def test_the_core_imports_no_plug_in(path):
    wrong = [module for module in imports(path) if is_of(module, PLUGIN_PACKAGES)]
    assert not wrong, f"{path} imports {wrong}; the core finds plug-ins through entry points only"


@pytest.mark.parametrize("path", sources(*(ROOT / name for name in PLUGIN_FOLDERS)), ids=module_name)
def test_plug_ins_do_not_import_each_other(path):
    wrong = [module for module in imports(path) if is_of(module, PLUGIN_PACKAGES)]
    assert not wrong, f"{path} imports {wrong}; what plug-ins share belongs in the core"


@pytest.mark.parametrize("path", sources(CORE / "scans", CORE / "ops"), ids=module_name)
def test_the_ground_floor_stands_alone(path):
    """Scan orders and numerics serve on machines that have torch, numpy and numba or triton, and little else."""
    heavy = ("pydantic", "optuna", "lightning_fabric", "pandas", "matplotlib", "sklearn", "typer", "rich")
    wrong = [module for module in imports(path) if is_of(module, heavy)]
    assert not wrong, f"{path} imports {wrong}"


def test_contributing_has_a_line_for_every_floor():
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = {name for layer in layers for name in layer.split(" : ")} - {"__main__"}
    rows = [
        line.split("|")[1] for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `")
    ]
    told = {name for row in rows for name in re.split(r"[`,/{}. ]+", row)}
    assert floors <= told, f"CONTRIBUTING.md says nothing of {sorted(floors - told)}"
    folders = {path.name for path in CORE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert folders <= floors


def test_every_package_folder_is_installed():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    places = PROJECT["tool"]["setuptools"]["package-dir"]
    found = sources(*(ROOT / place for place in places.values()))
    folders = {module_name(path) for path in found if path.name == "__init__.py"}
    assert folders == listed
    bare = sorted({str(path.parent) for path in found if not (path.parent / "__init__.py").exists()})
    assert not bare, f"without an __init__.py: {', '.join(bare)}"


SHARED_NAMES = {
    "__init__.py",
    "run.py",  # a file of cli/ is called as its command
    "evaluate.py",
    "scan.py",  # an operation, and in a backend's folder its way to compute it
}
FAMILIES = (
    "local_vim",
    "local_vmamba",
    "vim",
    "vmamba",
)  # in scansearch/models: what each family has is called alike


def test_no_two_files_have_one_name():
    found = sources(CORE, *(ROOT / name for name in PLUGIN_FOLDERS))
    names = [path.name for path in found if path.parent.name not in FAMILIES and path.name not in SHARED_NAMES]
    assert not (twice := {name for name in names if names.count(name) > 1}), f"find other names for {', '.join(twice)}"


def test_every_entry_point_of_pyproject_is_installed_and_loads():
    """A stale installation is found here rather than in a puzzling test."""
    for group, points in PROJECT["project"]["entry-points"].items():
        installed = {point.name: point for point in importlib.metadata.entry_points(group=group)}
        missing = set(points) - set(installed)
        assert not missing, f"{group}: {missing} not installed; run pip install -e . again"
        for name in points:
            assert installed[name].load() is not None


def test_a_checkout_imports_whatever_is_installed():
    """In the root, `scansearch/` is found before the installed package, whose plug-ins lie elsewhere."""
    code = (
        "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in str(f).lower()]; "
        "sys.path = [p for p in sys.path if p]; sys.path.insert(0, ''); "
        "import scansearch.space as space, scansearch.strategies.darts as darts; "
        "print(space.find_space('default8').keep, darts.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["4", str(ROOT / "strategies" / "darts.py")]


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "scansearch", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"scansearch {PROJECT['project']['version']}\n"), done.stderr


HEAVY = ("torch", "numba", "pandas", "matplotlib", "scipy", "sklearn", "optuna", "lightning_fabric", "networkx")
LIGHT = {
    "import scansearch": "import scansearch",
    "a genotype": "import scansearch; scansearch.ScansearchError",
    "scansearch --help": "from scansearch.cli.main import app; app(['--help'], standalone_mode=False)",
    "scansearch run --help": "from scansearch.cli.main import app; app(['run', '--help'], standalone_mode=False)",
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT)
def test_first_contact_imports_nothing_heavy(code):
    check = f"{code}\nimport sys\nprint('heavy:', *[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["heavy:"]


LISTINGS = ("spaces", "strategies", "scans", "models", "datasets", "exporters", "figures")
LIGHT_COMMANDS = [
    *LISTINGS,
    *(f"{listing} --json" for listing in LISTINGS),
    "strategies darts",
    "models local_vim_tiny",
    "datasets cifar10",
]


def test_listings_import_nothing_heavy():
    code = (
        "import sys; from scansearch.cli.main import app\n"
        f"for line in {LIGHT_COMMANDS}:\n"
        "    try: app(line.split())\n"
        "    except SystemExit as done: assert not done.code\n"
        f"    print('after', line, *[m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("after ")]
    assert said == [f"after {command}" for command in LIGHT_COMMANDS]


def public_definitions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Public functions and classes, and the public methods of public classes."""
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        yield node.name, node
        if isinstance(node, ast.ClassDef):
            methods = (child for child in node.body if isinstance(child, ast.FunctionDef))
            yield from (
                (f"{node.name}.{m.name}", m)
                for m in methods
                if not m.name.startswith("_") and not explained_elsewhere(m)
            )


def explained_elsewhere(function: ast.FunctionDef) -> bool:
    """Whether what it overrides, or overloads, says what it does."""
    marks = {mark.id for mark in function.decorator_list if isinstance(mark, ast.Name)}
    return bool(marks & {"overload", "override"})


@pytest.mark.parametrize("path", sources(CORE, *(ROOT / name for name in PLUGIN_FOLDERS)), ids=module_name)
def test_everything_public_is_explained(path):
    bare = [name for name, node in public_definitions(path) if not ast.get_docstring(node)]
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} says nothing about itself"
    assert not bare, f"{path}: without a docstring: {', '.join(bare)}"


def tracked() -> list[Path]:
    """The files of the repository; outside a git checkout, those that a checkout would have."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    ours = (*PLUGIN_FOLDERS, "scansearch", "tests", "benchmarks", "docs", ".ci")
    found = [*ROOT.iterdir(), *(path for name in ours for path in (ROOT / name).rglob("*"))]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def test_no_file_names_a_developers_machine():
    folders = "|".join(["home", "root", "Users", "work"])
    machine = re.compile(rf"(?<![\w.}}~-])/(?:{folders})/\w")
    wrong = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{path.relative_to(ROOT)}:{text[: m.start()].count(chr(10)) + 1}" for m in machine.finditer(text)]
    assert not wrong, f"absolute paths of some machine: {', '.join(wrong)}"


def test_the_loop_stays_readable():
    length = len((CORE / "searching" / "loop.py").read_text().splitlines())
    assert length < LONGEST_LOOP, f"searching/loop.py has {length} lines; move what is not the loop elsewhere"


def test_no_known_version_rules_an_extra_out():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    known = [Requirement(line) for line in lines if not line.startswith("#")]
    pins = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in known}
    extras = PROJECT["project"]["optional-dependencies"].values()
    for need in map(Requirement, chain(PROJECT["project"]["dependencies"], *extras)):
        pin = pins.get(canonicalize_name(need.name))
        assert pin is None or need.specifier.contains(pin), f"{need}, but constraints.txt has {pin}"
