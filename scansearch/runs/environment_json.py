"""``environment.json``: what a run depended on when it began, and what has changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from scansearch.documents import first_problem, read_json
from scansearch.errors import ScansearchError
from scansearch.files import write_text


class _Images(BaseModel):
    name: str
    fingerprint: str


class _Facts(BaseModel):
    """What ``environment.json`` must hold to be used again."""

    command: str
    device: str
    threads: Annotated[int, Field(ge=1, strict=True)]
    processes: Annotated[int, Field(ge=1, strict=True)]
    scan_backend: str
    processor: str
    mixture: str
    precision: str
    versions: dict[str, str]
    data: _Images


def write_environment(folder: Path, facts: dict[str, Any]) -> None:
    """Writes ``environment.json``."""
    write_text(folder / "environment.json", json.dumps(facts, indent=2) + "\n")


def read_environment(folder: Path) -> dict[str, Any]:
    """Reads ``environment.json``.

    Raises:
        ScansearchError: If it is missing or damaged.
    """
    path = folder / "environment.json"
    facts = read_json(path, "run environment")
    if not isinstance(facts, dict):
        raise ScansearchError(f"{path}: a run environment is a JSON object, but this is not; start the run anew")
    try:
        _Facts(**facts)
    except ValidationError as error:
        raise ScansearchError(f"{path}: {first_problem(error)}; restore it or start the run anew") from error
    return facts


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a resumed run finds changed, one line each: such a run continues, but not bit for bit."""
    lines = []
    for key in ("versions", "processor", "device", "processes", "threads", "scan_backend", "mixture", "precision"):
        if before.get(key) != now.get(key):
            lines.append(f"{key.replace('_', ' ')} changed since the run began: {before.get(key)} -> {now.get(key)}")
    return lines


def check_images(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Checks that the images are those with which a run began.

    Args:
        folder: The run folder.
        before: What its ``environment.json`` says.
        now: The same facts as they are now.

    Raises:
        ScansearchError: If they are others.
    """
    if before.get("data") != now["data"]:
        raise ScansearchError(
            f"the images of {now['data']['name']} changed since the run began: their fingerprint is not that of "
            f"{folder / 'environment.json'}; restore them or start a new run"
        )
