"""A case of the campaign: one mutated file in place, and the commands that read it."""

from __future__ import annotations

import atexit
import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

from forks import in_child
from kills import search
from mutations import NASTY, broken, damaged

TINY = shlex.split(
    "--model local_vim_nano --epochs 1 --batch-size 32 --set limit=64 --set validation_limit=32 --set patch_size=2 "
    "--set depth=2 --set scan_backend=torch --set threads=1 --out out"
)


IMAGES = shlex.split(
    "--model local_vim_nano --epochs 1 --batch-size 8 --set image_size=8 --set depth=2 --set scan_backend=torch --out out"
)


LAST_STEP = 2


@dataclass(frozen=True)
class Case:
    """One mutated file in place.

    Args:
        told: What was done to which file.
        commands: Commands that read it, one after the other.
        sound: The genotype that the run must end with if it ends well, whatever was done to the file.
    """

    told: str
    commands: list[list[str]]
    sound: Path | None = None


Maker = Callable[[Random, Path], Case]


@cache
def searched() -> Path:
    """A search that is done, made once: copy it."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    outcome = in_child(lambda: search("darts", folder / "run"), folder)
    assert outcome.status == 0, outcome.err
    return folder / "run"


def finished(folder: Path) -> Path:
    """A search that is done."""
    folder.mkdir(parents=True)
    return Path(shutil.copytree(searched(), folder / "run"))


def stopped_run(folder: Path) -> Path:
    """A search that stopped at its last step."""
    run = finished(folder)
    (run / "genotype.json").rename(folder / "genotype.json")
    for name in ("figures", "export", "front"):
        shutil.rmtree(run / name, ignore_errors=True)
    return run


def in_toml(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and in_toml(item) for key, item in value.items())
    return value is not None and (not isinstance(value, list) or all(map(in_toml, value)))


def json_mutant(random: Random, data: bytes, target: Path) -> None:
    if random.random() < 0.7:
        target.write_text(json.dumps(broken(json.loads(data), random)))
    else:
        target.write_bytes(damaged(data, random))


def toml_mutant(random: Random, sound: dict[str, Any], stem: Path) -> str:
    import tomli_w

    target = stem.with_suffix(".toml")
    tree = broken(sound, random, tuple(value for value in NASTY if in_toml(value)))
    text = tomli_w.dumps(tree if isinstance(tree, dict) and in_toml(tree) else {"x": 1}).encode(errors="replace")
    target.write_bytes(text if random.random() < 0.7 else damaged(text, random))
    return target.name
