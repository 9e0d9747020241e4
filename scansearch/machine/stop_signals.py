"""The signals that ask a run to stop: Ctrl-C, a polite kill, a closed terminal. Without torch: they are answered before it is here."""

from __future__ import annotations

import signal


def stop_signals() -> list[signal.Signals]:
    """Those that this system has."""
    return [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
