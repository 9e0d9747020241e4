"""What made a checkpoint: the settings and the circumstances on which its numbers depend, stored in it.

A run that goes on under other settings would end in a result that names settings which did not make it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scansearch.errors import RunFolderError
from scansearch.runs.config import RunConfig
from scansearch.text import shortened

CIRCUMSTANCES = (
    "versions",
    "processor",
    "device",
    "processes",
    "threads",
    "scan_backend",
    "mixture",
    "precision",
    "data",
)
SHOWN = 3
Origin = dict[str, dict[str, Any]]


def origin(config: RunConfig, environment: Mapping[str, Any]) -> Origin:
    """What a checkpoint remembers: by file of the run folder, the entries that must be the same when it is used."""
    return {
        "config.toml": config.recipe(),
        "environment.json": {key: environment.get(key) for key in CIRCUMSTANCES},
    }


def check_origin(stored: object, now: Origin, folder: Path) -> None:
    """Checks that a checkpoint was made by what its run folder says today.

    Raises:
        RunFolderError: If not, naming the file, the entries and their values.
    """
    there = stored if isinstance(stored, dict) else {}
    for file, entries in now.items():
        made = there.get(file)
        if not isinstance(made, dict):
            raise RunFolderError(
                f"the checkpoint in {folder} does not say what made it; it is of another version or damaged: start a new run"
            )
        compare(entries, made, f"{folder / file} says", "the checkpoint was made with")


def compare(says: Mapping[str, Any], made: Mapping[Any, Any], first: str, second: str) -> None:
    """Compares what a file says with what was made of it, entry by entry.

    Args:
        says: What the file says.
        made: What it should say.
        first: Begins the message, up to the first few wrong entries.
        second: Stands before what these should be.

    Raises:
        RunFolderError: If they differ.
    """
    wrong = [str(key) for key in {**says, **made} if not _same(says.get(key), made.get(key))]
    if not wrong:
        return
    shown, more = wrong[:SHOWN], len(wrong) - SHOWN
    one, other = (" and ".join(f"{key} = {_shown(side.get(key))}" for key in shown) for side in (says, made))
    also = f" (and {more} more differ)" if more > 0 else ""
    raise RunFolderError(f"{first} {one}, but {second} {other}{also}; restore it or start a new run")


def _same(one: Any, other: Any) -> bool:
    return _canonical(one) == _canonical(other)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _shown(value: Any) -> str:
    return "nothing" if value is None else shortened(_canonical(value))
