"""VMamba's ``selective_scan_easy`` (PyTorch, in chunks), read from a checkout of https://github.com/MzeroMiko/VMamba.

It is on no package index, and nothing of it is copied here: the environment variable ``VMAMBA`` says where the checkout lies, as in
``VMAMBA=~/VMamba python -m benchmarks scan``.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

from scansearch.errors import ScansearchError

CHECKOUT = "VMAMBA"
FILE = Path("kernels", "selective_scan", "test_selective_scan_easy.py")
NAME = "selective_scan_easy"
CHUNK = 8
"""Steps in a chunk. It divides by exp(A times a sum of step sizes): with its own 64, or 16, gradients are NaN on the inputs of `scan`."""


def absent() -> str | None:
    """Why it cannot run here; ``None`` if it can be tried."""
    return None if os.environ.get(CHECKOUT) else f"{CHECKOUT}=FOLDER says where a checkout of MzeroMiko/VMamba lies"


def in_chunks(*tensors: torch.Tensor) -> torch.Tensor:
    """All groups in one call; shapes as in ``benchmarks.peers``."""
    u, delta, A, B, C, D, delta_bias = tensors
    groups, batch, length, width = u.shape
    channels_first = [t.permute(1, 0, 3, 2) for t in (u, delta, B, C)]  # (B, G, D or N, L)
    us, deltas = (t.reshape(batch, groups * width, length) for t in channels_first[:2])
    rates, skips, bias = A.flatten(0, 1), D.flatten(), delta_bias.flatten()
    scan = function(os.environ[CHECKOUT])
    y: torch.Tensor = scan(us, deltas, rates, *channels_first[2:], skips, bias, delta_softplus=True, chunksize=CHUNK)
    return y.view(batch, groups, width, length).permute(1, 0, 3, 2)


@cache
def function(checkout: str) -> Callable[..., Any]:
    """The function alone: what follows it in its file imports modules that VMamba's repository does not have.

    Raises:
        ScansearchError: If it is not there.
    """
    file = Path(checkout) / FILE
    if not file.is_file():
        raise ScansearchError(f"{CHECKOUT} must be a checkout of MzeroMiko/VMamba, but there is no {file}")
    body = ast.parse(file.read_text(encoding="utf-8")).body
    found: list[ast.stmt] = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == NAME]
    if not found:
        raise ScansearchError(f"{file} must define {NAME}, but does not; take the checkout of another day")
    names: dict[str, Any] = {"torch": torch}
    exec(compile(ast.Module(found, []), str(file), "exec"), names)
    scan: Callable[..., Any] = names[NAME]
    return scan
