"""Conformance suites for plug-ins: what scansearch expects of them, as functions to call from a test.

They need no test framework: what does not hold is an ``AssertionError`` of one line that says what and where. For pytest the suite
of strategies is a class, too: ``class TestMine(StrategySuite): strategy = Mine``.

Examples:
    >>> from scansearch.scans.catalog.spiral import SPIRAL
    >>> from scansearch.testing import check_family
    >>> check_family(SPIRAL, largest=6)
"""

from scansearch.testing.order_suite import check_family
from scansearch.testing.space_suite import check_space
from scansearch.testing.strategy_suite import StrategySuite, check_strategy

__all__ = ["StrategySuite", "check_family", "check_space", "check_strategy"]
