"""What the capabilities have in common: the strategy under test, and its searches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from scansearch.strategy import Strategy
from scansearch.testing.capabilities.searches import Searches


class Capability:
    """Tests of one capability; a subclass names the strategy.

    pytest calls ``setup_class`` and ``teardown_class``, and takes ``SkipTest`` for a skipped test; whoever runs the tests
    otherwise does the same.
    """

    strategy: ClassVar[type[Strategy]]
    """It need not be registered, but other processes must be able to import it."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings of the strategy for these searches; by default its own."""
    quick: ClassVar[bool] = False
    """Leave out what needs other processes."""
    processes: ClassVar[bool] = True
    """Whether the strategy must work in two processes at once."""
    folder: ClassVar[Path | None] = None
    """Where the runs are written; by default a temporary folder."""
    searches: ClassVar[Searches]

    @classmethod
    def setup_class(cls) -> None:
        """Prepares the searches, which the tests share."""
        cls.searches = Searches(cls.strategy, cls.settings, cls.folder)

    @classmethod
    def teardown_class(cls) -> None:
        """Ends what is still running, and deletes a temporary folder."""
        cls.searches.close()

    def skip_if_quick(self) -> None:
        """Skips a test that needs other processes."""
        if self.quick:
            raise SkipTest("quick: without other processes")
