"""The conformance suite for search strategies."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import SkipTest

from scansearch.strategy import Strategy
from scansearch.testing.capabilities.behaved import HeldOut, Pure, Separate, Unmoved, Valid
from scansearch.testing.capabilities.configurable import Configurable
from scansearch.testing.capabilities.deterministic import Deterministic
from scansearch.testing.capabilities.distributed import Distributed
from scansearch.testing.capabilities.judging import Judging
from scansearch.testing.capabilities.resumable import Resumable


class StrategySuite(
    Configurable, Valid, Pure, Separate, Unmoved, HeldOut, Judging, Deterministic, Resumable, Distributed
):  # fmt: skip
    """Everything that a strategy must be capable of, as a class of tests for pytest.

    One base class is one capability; the message of a failure begins with its name. Searches are tiny, of a few digits, and take
    well under a minute together. Give strategies that judge genotypes a small budget by ``settings``.

    Examples:
        >>> class TestMine(StrategySuite):
        ...     strategy = Mine
        ...     settings = {"samples": 4}
    """


def check_strategy(
    strategy: type[Strategy],
    *,
    settings: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    quick: bool = False,
    processes: bool = True,
) -> None:
    """Runs ``StrategySuite`` without pytest, up to the first failure.

    Call it from a test of your own, or in a script under ``if __name__ == "__main__":``: other processes import the script.

    Args:
        strategy: The strategy; it need not be registered, but other processes must be able to import it.
        settings: Settings of the strategy for these searches; by default its own.
        folder: Where the runs are written; by default a temporary folder.
        quick: Leave out what needs other processes.
        processes: Whether the strategy must work in two processes at once.

    Raises:
        AssertionError: If a capability is missing; the message says which, and in which search.
    """
    of = {"strategy": strategy, "settings": settings or {}, "folder": folder, "quick": quick, "processes": processes}
    suite: type[StrategySuite] = type("Suite", (StrategySuite,), of)
    suite.setup_class()
    try:
        for name in (name for kind in StrategySuite.__bases__ for name in vars(kind) if name.startswith("test_")):
            with suppress(SkipTest):
                getattr(suite(), name)()
    finally:
        suite.teardown_class()
