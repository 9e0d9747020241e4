"""How large a run may be: far beyond any that ends, and small enough that nothing overflows or hangs before it begins."""

from __future__ import annotations

from scansearch.errors import ScansearchError

MOST_EPOCHS = 100_000
MOST_STEPS = 100_000_000
MOST_IMAGES = 1_000_000_000
MOST_SIDE = 4096
MOST_JUDGED = 1_000_000


def check_amount(amount: int, most: int, what: str, hint: str) -> None:
    """Checks what several settings make together.

    Raises:
        ScansearchError: If it is more than ``most``.
    """
    if amount > most:
        raise ScansearchError(f"a run has at most {most:,} {what}, but these settings make {amount:,}; {hint}")
