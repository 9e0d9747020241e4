"""Whether the kernels give right numbers on this GPU, asked once before they are used: a compiler or a driver may be at fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from scansearch.ops.backends.reference import REFERENCE
from scansearch.ops.backends.triton.launches import GATE, MIXTURE, NORM_REDUCE, SCAN, VISIT, WEIGH, WEIGHED_MIXTURE
from scansearch.ops.gather import inverse_of
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor
TOLERANCE = 1e-4
"""Of the largest value, in float32; products of matrices in the kernels are never of TensorFloat-32."""
GROUPS, BATCH, LENGTH, WIDTH, STATES, TAPS, MAPS = 2, 1, 37, 20, 2, 4, 3


def differences(device: str) -> str | None:
    """``None`` if values and gradients of every kernel agree with float64; otherwise which do not, in one line."""
    # In a thread of its own: the question comes in the middle of anything, and inference mode, traces and transforms end there.
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(_compared, torch.empty(0, device=device).device).result()


def _compared(device: torch.device) -> str | None:
    wrong = []
    with torch.cuda.device(device.index if device.type == "cuda" else -1):
        for name, (kernel, formula, tensors) in _cases().items():
            try:
                found = outcome(kernel, [t.to(device) for t in tensors])
            except Exception as error:  # a compiler's, of any kind
                said = str(error).splitlines()[0] if str(error) else type(error).__name__
                return f"its kernel {name} does not run here: {said}"
            wanted = outcome(formula, [t.double() if t.is_floating_point() else t for t in tensors])
            worst = max(_distance(a, b) for a, b in zip(found, wanted, strict=True))
            if not worst < TOLERANCE:
                wrong.append(f"{name} by {worst:.1e}")
    return f"its numbers are wrong here: {', '.join(wrong)}, of the largest" if wrong else None


def _distance(found: Tensor, wanted: Tensor) -> float:
    return float((found.cpu().double() - wanted).abs().max() / wanted.abs().max())


def _scan(u: Tensor, *others: Tensor) -> Tensor:
    return SCAN(u, *others, u.new_empty(0), u.new_empty(0, dtype=torch.int64), u.shape[2], True)


def _scan_by_formula(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> Tensor:
    return REFERENCE.scan(ScanInputs(u, delta, A, B, C, D, None, bias), True)


def _scan_restore(*t: Tensor) -> Tensor:
    *scanned, z, order, inverse = t
    return SCAN(*scanned, z, order, inverse.shape[1], True)


def _scan_restore_by_formula(*t: Tensor) -> Tensor:
    *scanned, z, order, inverse = t
    return REFERENCE.restore_gate(_scan_by_formula(*scanned), z, order, inverse)


def _all_read(read: tuple[Tensor, ...]) -> Tensor:
    x, pooled, reduced = read
    return torch.cat([(x * x).flatten(), pooled.flatten(), reduced.flatten()])


def outcome(operation: Callable[..., Any], tensors: Sequence[Tensor]) -> list[Tensor]:
    """What an operation gives, and the gradients of a weighted sum of it."""
    leaves = [t.detach().requires_grad_() if t.is_floating_point() else t for t in tensors]
    with torch.enable_grad(), torch.autocast(leaves[0].device.type, enabled=False):
        result = operation(*leaves)
        weights = torch.linspace(-1, 1, result.numel(), dtype=torch.float64).view(result.shape).to(result)
        return [result.detach(), *torch.autograd.grad((result * weights).sum(), [t for t in leaves if t.requires_grad])]


def _cases() -> dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Tensor]]]:
    random = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float32)

    panel, maps = (GROUPS, BATCH, LENGTH, WIDTH), (GROUPS, BATCH, LENGTH, STATES)
    order = torch.stack([torch.randperm(LENGTH, generator=random) for _ in range(GROUPS)])
    inverse, constants = inverse_of(order, LENGTH), (GROUPS, WIDTH)
    scan = [
        draw(*panel),
        draw(*panel),
        -draw(*constants, STATES).exp(),
        draw(*maps),
        draw(*maps),
        draw(*constants),
        draw(*constants),
    ]
    return {
        "scan": (_scan, _scan_by_formula, scan),
        "scan_restore": (
            _scan_restore,
            _scan_restore_by_formula,
            [*scan, draw(BATCH, LENGTH, WIDTH), order, inverse],
        ),
        "reorder_conv_silu": (
            lambda x, order, weight, bias: VISIT(x, weight, bias, order),
            REFERENCE.reorder_conv_silu,
            [draw(BATCH, LENGTH, WIDTH), order, draw(*constants, TAPS), draw(*constants)],
        ),
        "restore_gate": (GATE, REFERENCE.restore_gate, [draw(*panel), draw(BATCH, LENGTH, WIDTH), order, inverse]),
        "norm_reduce": (
            lambda *t: _all_read(NORM_REDUCE(*t)),
            lambda *t: _all_read(REFERENCE.norm_reduce(*t)),
            [draw(*panel), draw(MAPS, WIDTH)],
        ),
        "weigh": (WEIGH, REFERENCE.weigh, [draw(*panel), draw(GROUPS, BATCH, WIDTH), draw(GROUPS, BATCH, LENGTH)]),
        "mixture": (MIXTURE, REFERENCE.mixture, [draw(*panel), draw(GROUPS)]),
        "weighed_mixture": (
            WEIGHED_MIXTURE,
            lambda x, channel, token, weights: REFERENCE.mixture(REFERENCE.weigh(x, channel, token), weights),
            [draw(*panel), draw(GROUPS, BATCH, WIDTH), draw(GROUPS, BATCH, LENGTH), draw(GROUPS)],
        ),
    }
