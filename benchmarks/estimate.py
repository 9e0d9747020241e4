"""What `scansearch estimate` says beside what `scansearch run` then takes: peak memory of the process, and time of a step."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from benchmarks.comparison import plain_table
from benchmarks.memory import MEGABYTE
from scansearch.errors import ScansearchError
from scansearch.runs.run import Run
from scansearch.runs.tables import TIMING

ERROR = 0.15
"""How far an estimate may be from what is measured."""
STEPS, EPOCHS = 4, 3
VIM = "--model vim_tiny --space global4 --set image_size=32 --set patch_size=8 --set depth=6"
VMAMBA = "--model local_vmamba_nano --set image_size=32"
HEAVY = "--model local_vim_small --space wide32 --set image_size=32 --set patch_size=8 --set depth=10"
CASES = (
    "--model local_vim_nano --batch-size 16",
    "--model local_vim_nano --batch-size 128",
    "--model local_vim_nano --space wide32 --batch-size 32",
    "--model local_vim_nano --space wide32 --batch-size 64 --set mixture=recompute",
    "--model local_vim_nano --space wide32 --batch-size 64 --set mixture=streamed",
    "--model local_vim_micro --batch-size 64",
    "--model local_vim_micro --batch-size 256",
    "--model local_vim_micro --strategy single_path --batch-size 128",
    f"{VMAMBA} --batch-size 32",
    f"{VMAMBA} --batch-size 128",
    f"{VMAMBA} --space wide32 --batch-size 64",
    f"{VIM} --batch-size 16",
    f"{VIM} --batch-size 64",
    "--model local_vim_micro --batch-size 64 --devices 2",
    f"{HEAVY} --batch-size 4",
    f"{HEAVY} --batch-size 4 --devices 2",
)
TINY = ("--model local_vim_nano --set depth=1 --set patch_size=4 --batch-size 4",)
MEASURED = """
import sys
from benchmarks.memory import peak_memory, peak_of_children
from scansearch.cli.main import app
try:
    app(sys.argv[1:])
finally:
    print(peak_of_children() if "--devices" in sys.argv else peak_memory())
"""


@dataclass(frozen=True)
class Estimates:
    """What was said and what was measured.

    Args:
        rows: By case: MB of a process, and seconds of a step where they are estimated, as estimated and as measured.
    """

    rows: dict[str, dict[str, tuple[float, float]]]
    title: str = "estimate: peak memory of the process and time of a step, as estimated and as measured"

    def table(self) -> Table:
        """A line a case."""
        made = plain_table(["", "MB", "measured", "", "ms a step", "measured", ""])
        for case, row in self.rows.items():
            memory, time = row["MB"], [1000 * seconds for seconds in row.get("seconds", ())]
            figures = [f"{memory[0]:,.0f}", f"{memory[1]:,.0f}", _off(*memory)]
            made.add_row(case, *figures, *([f"{time[0]:,.0f}", f"{time[1]:,.0f}", _off(*time)] if time else 3 * "-"))
        return made

    def missed(self) -> list[str]:
        """One line for each estimate that is too far off."""
        return [
            f"estimate: {case}: {name} {_off(*pair)} of what was measured, more than {ERROR:.0%}"
            for case, row in self.rows.items()
            for name, pair in row.items()
            if abs(pair[0] / pair[1] - 1) > ERROR
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {"benchmark": "estimate", "title": self.title, "rows": self.rows, "missed": self.missed()}


def _off(said: float, measured: float) -> str:
    return f"{said / measured - 1:+.0%}"


def run(*, tiny: bool = False) -> list[Estimates]:
    """Estimates and then does each of the searches, every time in a process of its own."""
    return [Estimates({case: _case(shlex.split(case)) for case in (TINY if tiny else CASES)})]


def _case(options: Sequence[str]) -> dict[str, tuple[float, float]]:
    images = STEPS * int(options[options.index("--batch-size") + 1])
    told = [*options, "--epochs", str(EPOCHS), "--set", f"limit={images}", "--set", "validation_limit=64"]
    said = json.loads(_output("estimate", *told, "--json").rpartition("\n")[0])
    with TemporaryDirectory() as folder:
        peak = float(_output("run", *told, "--out", folder).split()[-1])
        seconds = min(row.seconds for row in Run.open(Path(folder)).rows(TIMING)[1:])
    found, step = {"MB": (said["memory"]["peak"] / MEGABYTE, peak)}, said["time"]["seconds_per_step"]
    return found if step is None else {**found, "seconds": (step, seconds / said["work"]["steps_per_epoch"])}


def _output(*arguments: str) -> str:
    command = [sys.executable, "-c", MEASURED, *arguments]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    if done.returncode:
        raise ScansearchError(
            f"scansearch {shlex.join(arguments)} ended with status {done.returncode}: {done.stderr[-500:]}"
        )
    return done.stdout.strip()
