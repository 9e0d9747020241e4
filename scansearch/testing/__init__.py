"""Conformance suites for plug-ins: what scansearch expects of them, as functions to call from a test.

They need no test framework: what does not hold is an ``AssertionError`` of one line that says what and where.

Example:
    >>> from scansearch.scans.catalog.spiral import SPIRAL
    >>> from scansearch.testing import check_family
    >>> check_family(SPIRAL, largest=6)
"""

from scansearch.testing.orders import check_family
from scansearch.testing.spaces import check_space
from scansearch.testing.strategies import check_strategy

__all__ = ["check_family", "check_space", "check_strategy"]
