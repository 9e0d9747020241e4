"""Errors that reach a user: one line that states the rule, the value, and what to do."""

from __future__ import annotations

from scansearch.text import one_line


class ScansearchError(Exception):
    """Bad input, or an environment that cannot do what was asked.

    The message is one line, whatever values from files stand in it: control characters are shown as escapes, and a long one
    is cut in the middle. The command line prints it and leaves with ``exit_status``; there is no traceback unless ``--debug``
    is given.
    """

    exit_status = 2

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class BackendUnavailableError(ScansearchError):
    """A numerical backend was asked for by name and cannot run here; the message says why."""


class UnsupportedError(ScansearchError):
    """A backend, model or exporter was given something it cannot do; the message says what it can."""


class RunFolderError(ScansearchError):
    """A run folder is in use, damaged, of another version, or cannot be written."""


class DivergenceError(ScansearchError):
    """The loss became infinite or NaN; the last good checkpoint is kept and the message names the step.

    Args:
        what: What became of what, and what is kept.
        how: With what to begin again.
        anew: What to begin again.
    """

    def __init__(self, what: str, how: str = "", anew: str = "start anew") -> None:
        super().__init__(f"{what}; {anew} {how}" if how else what)
        self.what, self.how = what, how


class InterruptedRunError(ScansearchError):
    """The run was asked to stop (Ctrl-C or SIGTERM), saved its state and can be resumed."""

    exit_status = 130


def explained(error: Exception) -> str:
    """One line about any error; those of ours say enough themselves."""
    kind = "" if isinstance(error, ScansearchError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())
