"""Mutations of files: bytes that a disk might damage, and trees of values that a person might break or a stranger craft."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308, -1e308, 5e-324, math.inf, math.nan,
    "", " ", "h", "h h", "../../outside.txt", "/abs", "a/b", ".", "..", "con", "x" * 70_000, "[bold]", "[/]", "[hv]", "\x1b[2J", "a\rb",
    "a\nb", "\u202e", "\ud7ff", "$\\frac$", "%s{}", "1e999", "nan", [], {}, [[]], [None], {"a": None}, [0] * 1000, ["h"] * 300,
)  # fmt: skip
"""Values that have broken something somewhere."""


def damaged(data: bytes, random: random.Random) -> bytes:
    """Bytes with one to three damages: flipped, cut, doubled, overwritten, swapped for a number's extremes."""
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(data) + 1)
        span = min(len(data) - at, random.choice((1, 2, 4, 16, 200)))
        kind = random.randrange(6)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + bytes(random.randrange(256) for _ in range(span)) + data[at + span :]
        elif kind == 2:
            data = data[:at] + random.choice((b"\0", b"\xff", b"\x7f")) * span + data[at + span :]
        elif kind == 3:
            data = data[:at] + data[at : at + span] * random.choice((2, 3, 50)) + data[at + span :]
        elif kind == 4:
            data = data[:at] + data[at + span :]
        else:
            data = data[:at] + random.choice((b"-", b"9" * 30, b"[" * 5000, b'{"a":' * 2000, b"\n", b"nan")) + data[at:]
    return data


def broken(tree: Any, random: random.Random, nasty: tuple[Any, ...] = NASTY) -> Any:
    """A copy of nested dicts and lists with one to three changes: a value replaced, dropped, doubled, renamed or nested."""
    box = [copy.deepcopy(tree)]
    for _ in range(random.randint(1, 3)):
        holder, key = random.choice(list(_places(box)))
        kind = random.randrange(8)
        if kind <= 3:
            holder[key] = copy.deepcopy(random.choice(nasty))
        elif kind == 4 and holder is not box:
            del holder[key]
        elif kind == 5 and isinstance(holder, list) and holder is not box:
            holder.extend([copy.deepcopy(holder[key])] * random.choice((1, 2, 100)))
        elif kind == 5 and isinstance(holder, dict):
            holder[random.choice([n for n in nasty if isinstance(n, str) and n] + ["extra"])] = holder.pop(key)
        elif kind == 6:
            holder[key] = _nested(holder[key], random.choice((1, 3, 60)))
        else:
            other, theirs = random.choice(list(_places(box)))
            holder[key] = copy.deepcopy(other[theirs])
    return box[0]


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key of a tree."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from _places(value)
