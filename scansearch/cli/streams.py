"""Standard output and error that cost no command its end: no symbol is too rare for them, and a reader may leave early."""

from __future__ import annotations

import codecs
import io
import os
import signal
import sys

STAND_INS = {"●": "o", "○": "?", "·": ".", "…": "...", "–": "-", "—": "-", "×": "x", "≥": ">=", "≤": "<="}
"""What is written for a symbol of ours that the encoding of the terminal does not have."""
HANDLER = "scansearch"


class Outlet(io.TextIOWrapper):
    """A text stream whose reader may go away, as ``| head`` does: what is written after that goes nowhere, without a word."""

    gone = False

    def write(self, text: str) -> int:
        """Writes, or not if nobody reads any more."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._forget()
            return len(text)

    def flush(self) -> None:
        """Flushes, or not if nobody reads any more."""
        try:
            super().flush()
        except BrokenPipeError:
            self._forget()

    def _forget(self) -> None:
        self.gone = True
        # What is still in the buffer must go somewhere too, or Python complains about it at its exit.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def unread() -> bool:
    """Whether nobody reads standard output: it is closed, or its reader has left."""
    return sys.stdout is None or getattr(sys.stdout, "gone", False)


def say_line(line: str) -> None:
    """Writes a line at once. A reader that has gone was the command that began this run: it stops, as by SIGTERM."""
    print(line, flush=True)
    if unread():
        signal.raise_signal(signal.SIGTERM)


def prepare() -> None:
    """Makes standard output and error outlets in which every character has a stand-in."""
    codecs.register_error(HANDLER, _stand_in)
    _occupy()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(
            stream, io.TextIOWrapper
        ):  # not a test's or a notebook's
            encoding, buffered = stream.encoding, not stream.write_through
            lines = stream.line_buffering
            made = Outlet(
                stream.detach(), encoding=encoding, errors=HANDLER, line_buffering=lines, write_through=not buffered
            )
            setattr(sys, name, made)
            setattr(sys, f"__{name}__", made)


def _occupy() -> None:
    """Opens closed standard streams on nothing: a file of ours must not get the number that a library prints to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one


def _stand_in(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that was no text: as it came
        return bytes([ord(character) - 0xDC00]), error.start + 1
    escaped = character.encode("ascii", "backslashreplace").decode()
    return STAND_INS.get(character, escaped), error.start + 1
