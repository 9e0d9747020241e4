"""Feeds mutated files of every kind to the command line, and looks for tracebacks, wrong statuses, and files touched outside.

    python tests/campaign/hostile.py                    2,000 files, seed 0
    python tests/campaign/hostile.py --cases 50 --kind genotype --seed 3
    python tests/campaign/hostile.py --kind npz --only 17 --show

Every case is a function of the kind, the seed and its number. Prints a line for each fault, then ``N cases, N faults``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

os.environ["OMP_NUM_THREADS"] = "1"

from cases import Case, Maker
from documents import costs, genotype, settings, space
from file_events import watch
from forks import Outcome, in_child
from image_files import arrays, idx, pictures
from kills import warm_up
from run_files import checkpoint, config, environment, journal, tables

BASES: dict[str, Callable[[Path], Maker]] = {
    "genotype": genotype,
    "space": space,
    "costs": costs,
    "settings": settings,
    "config": config,
    "environment": environment,
    "tables": tables,
    "checkpoint": checkpoint,
    "npz": arrays,
    "images": pictures,
    "journal": journal,
    "idx": idx,
}
"""From a folder for its sound files, made once, to what makes one case of a kind in a folder of its own."""
SECONDS, MEMORY = 40, 3 << 30
ALLOWED_OUTSIDE = ("/dev/", "/proc/")


def feed(case: Case, scratch: Path) -> tuple[Outcome, list[str]]:
    """Runs the case's commands in ``scratch``; gives how the first that failed, or the last, ended, and the files touched outside."""
    outside = scratch / "touched-outside"
    outcome = Outcome(0, "", "")
    for command in case.commands:
        outcome = in_child(
            lambda command=command: _run(command, scratch / "work", outside), scratch, seconds=SECONDS, memory=MEMORY
        )
        if outcome.status:
            break
    return outcome, outside.read_text().splitlines() if outside.exists() else []


def _run(command: list[str], work: Path, outside: Path) -> None:
    from scansearch.cli.main import main

    os.chdir(work)
    for variable in ("XDG_CACHE_HOME", "TMPDIR", "HOME"):
        os.environ[variable] = str(work / "home")
    tempfile.tempdir = None
    handle = os.open(outside, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def told(operation: str, path: str) -> None:
        if not path.startswith((str(work), *ALLOWED_OUTSIDE)):
            os.write(handle, f"{operation} {path}\n".encode())

    watch(told)
    sys.argv = ["scansearch", *command]
    main()


def fault(outcome: Outcome, outside: list[str]) -> str:
    """What is wrong with how a case ended, or nothing."""
    if outside:
        return f"touched {outside[0]}"
    if outcome.slow:
        return f"took more than {SECONDS} s"
    if "Traceback" in outcome.err or outcome.status not in (0, 2):
        return f"ended with {outcome.status}: {outcome.err.strip().splitlines()[-1:]}"
    if re.search(r"\w+Warning: ", outcome.err):
        return f"a warning of Python's: {outcome.err.strip().splitlines()[-2:]}"
    if "out of memory" in outcome.err:
        return f"memory: {outcome.err.strip()[:200]}"
    if outcome.status == 2 and outcome.err.count("\n") != 1:
        return f"not one line: {outcome.err.strip()[:400]!r}"
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", outcome.out + outcome.err):
        return f"control characters: {outcome.err.strip()[:200]!r}"
    if len(outcome.err) > 2000:
        return f"an error of {len(outcome.err)} characters: {outcome.err[:100]!r}"
    return ""


def other_genotype(case: Case, run: Path) -> str:
    """Whether a run ended well and with another genotype, or one that names other settings, than the sound file gives."""
    if case.sound is None:
        return ""
    sound, found = (json.loads(path.read_text()) for path in (case.sound, run / "genotype.json"))
    for key in ("versions", "command"):
        del sound["search"][key], found["search"][key]
    return "" if sound == found else "accepted, and the genotype is another"


def campaign(kinds: list[str], cases: int, seed: int, only: int | None, show: bool) -> tuple[int, list[str]]:
    """Feeds ``cases`` files, evenly over the kinds; gives how many, and a line for each fault."""
    found, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        made = {kind: BASES[kind](top / "base" / kind) for kind in kinds}
        for number in range(cases) if only is None else [only]:
            kind = kinds[number % len(kinds)]
            scratch = top / "case"
            shutil.rmtree(scratch, ignore_errors=True)
            (scratch / "work" / "home").mkdir(parents=True)
            case = made[kind](Random(f"{kind} {seed} {number}"), scratch / "work")
            outcome, outside = feed(case, scratch)
            count += 1
            if show:
                print(number, kind, case.told, outcome, sep="\n")
            if wrong := fault(outcome, outside) or (
                outcome.status == 0 and other_genotype(case, scratch / "work" / "run")
            ):
                found.append(f"{kind} {number} ({case.told}): {wrong}")
    return count, found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=BASES)
    parser.add_argument("--only", type=int)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    warm_up()
    count, found = campaign(
        arguments.kind or list(BASES), arguments.cases, arguments.seed, arguments.only, arguments.show
    )
    print(*found, f"{count} cases, {len(found)} faults", sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
