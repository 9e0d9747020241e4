"""``--devices N``: the command that was typed, in several processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scansearch.cli.interrupted import kept
from scansearch.cli.program import NAME

if TYPE_CHECKING:
    from scansearch.runs.settings import MachineSettings


def launch_command(machine: MachineSettings, folder: Path, batch_size: int, *more: str) -> None:
    """Runs this command again in ``machine.devices`` processes; the first of them shows what one process would.

    Args:
        machine: Where the run goes.
        folder: The run folder.
        batch_size: Images that the processes share.
        *more: Arguments that are added.

    Raises:
        ScansearchError: If they cannot start, or with what the process said that failed first.
    """
    from scansearch.training.batches import check_shares
    from scansearch.training.join import check_accelerator
    from scansearch.training.launch import LostProcessError, launch

    check_accelerator(machine, machine.devices)
    check_shares(batch_size, machine.devices)
    try:
        launch(sys.executable, [*_program(), *sys.argv[1:], *more], machine.devices)
    except LostProcessError as error:
        lost = LostProcessError(f"{error}; {kept(folder) or 'nothing was begun'}")
        raise lost from error


def _program() -> list[str]:
    """How this program was started: a script, or the package."""
    started = Path(sys.argv[0])
    return [str(started)] if started.is_file() and started.name != "__main__.py" else ["-m", NAME]
