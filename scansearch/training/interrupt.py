"""Ctrl-C, SIGTERM and a closed terminal in training: the run finishes its step, saves and leaves; a second one leaves at once."""

from __future__ import annotations

import shlex
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from scansearch.errors import InterruptedRunError
from scansearch.machine.stop_signals import stop_signals
from scansearch.training.meter import LOG_STEPS
from scansearch.training.processes import Processes


class StopRequest:
    """Context manager that turns these signals into a flag; outside the main thread it does nothing.

    A signal that is ignored (under nohup, or in a shell's background job) stays ignored. A second one does what it would have
    done without this.
    """

    def __init__(self) -> None:
        self.requested: str | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in stop_signals():
                previous = signal.getsignal(number)
                if previous not in (signal.SIG_IGN, None):  # None: it was set by other code than Python's
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.signal(number, self._previous[number])
            signal.raise_signal(number)
        self.requested = signal.Signals(number).name

    def asked(self, processes: Processes, step: int = 0) -> bool:
        """Whether a stop was asked for, in any of the processes: all stop together.

        Args:
            processes: Those that share the training; several ask each other, and all must at the same place.
            step: The number of the step that is done; several ask each other only once a log interval.
        """
        if processes.size > 1 and step % LOG_STEPS:
            return False
        if processes.agree(self.requested is not None):
            self.requested = self.requested or "another process"
        return self.requested is not None

    def raise_if_asked(self, where: str, folder: Path, kept: str = "nothing is lost") -> None:
        """Stops a run that has saved, if that was asked for.

        Args:
            where: How far the run has come, such as ``after step 4 of 6``.
            folder: The run folder.
            kept: What becomes of the work so far.

        Raises:
            InterruptedRunError: If a stop was asked for.
        """
        if self.requested:
            command = f"scansearch resume {shlex.quote(str(folder))}"
            raise InterruptedRunError(f"stopped by {self.requested} {where}; {kept}: continue with `{command}`")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
