"""Random orders: a fixed random permutation for each seed and grid, the control that any structure has to beat.

``random:SEED`` sorts the tokens by the raw 64-bit output of the generator PCG64, seeded by (SEED, H, W); the token with the
smallest number comes first. numpy's ``Generator.permutation`` may change from version to version (NEP 19); the raw stream of a
PCG64 with a given seed may not, and pinned values in the tests watch over it. Seen in ZigMa (arXiv 2403.13802).
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily

LARGEST_SEED = 2**32 - 1


def visit(height: int, width: int, seed: str) -> torch.Tensor:
    """A random permutation, the same on every machine and in every version, int64 (H*W,)."""
    numbers = np.random.PCG64([int(seed), height, width]).random_raw(height * width)
    return torch.from_numpy(np.argsort(numbers, kind="stable"))


def _at_most(limit: int) -> str:
    """A regular expression of the numbers 0 ... limit, without leading zeros."""
    digits = str(limit)
    rest = range(len(digits) - 1, -1, -1)
    smaller = [
        f"{digits[:place]}[{int(place == 0)}-{int(digit) - 1}][0-9]{{{left}}}"
        for place, (digit, left) in enumerate(zip(digits, rest, strict=True))
        if int(digit) > int(place == 0)
    ]
    return "|".join(["0", f"[1-9][0-9]{{0,{len(digits) - 2}}}", *smaller, digits])


RANDOM = ScanFamily(
    name="random",
    pattern=rf"random:({_at_most(LARGEST_SEED)})",
    visit=visit,
    description=f"a fixed random permutation (random:SEED, SEED at most {LARGEST_SEED})",
    examples=("random:0", "random:1"),
    hint=(
        r"random:?-?[0-9]*(_.*)?",
        f"a random order is random:SEED, with a whole number from 0 to {LARGEST_SEED} without leading zeros, for example random:7",
    ),
)
