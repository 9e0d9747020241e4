"""Checks of what the operations are given: an error names the argument, the rule and the shapes."""

from __future__ import annotations

from typing import NamedTuple

import torch

from scansearch.errors import ScansearchError

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class ScanInputs(NamedTuple):
    """The arguments of a grouped selective scan; see ``selective_scan_grouped`` for the shapes."""

    u: torch.Tensor
    delta: torch.Tensor
    A: torch.Tensor
    B: torch.Tensor
    C: torch.Tensor
    D: torch.Tensor | None
    z: torch.Tensor | None
    delta_bias: torch.Tensor | None


OPTIONAL = ("D", "z", "delta_bias")
"""Arguments of a scan that may be ``None``."""


def expect_tensors(optional: tuple[str, ...] = (), **tensors: object) -> None:
    """Checks that all arguments are dense tensors.

    Args:
        optional: Names of those that may be ``None``.
        **tensors: The arguments.

    Raises:
        ScansearchError: If one is no tensor, or a sparse one.
    """
    for name, tensor in tensors.items():
        if tensor is None and name in optional:
            continue
        if not isinstance(tensor, torch.Tensor):
            raise ScansearchError(
                f"{name} must be a dense torch.Tensor, but got {type(tensor).__name__}; pass a tensor"
            )
        if tensor.layout != torch.strided:
            raise ScansearchError(
                f"{name} must be a dense torch.Tensor, but got one of layout {tensor.layout}; convert it with .to_dense()"
            )


def expect(name: str, tensor: torch.Tensor | None, shape: tuple[int, ...], meaning: str) -> None:
    """Checks a shape.

    Raises:
        ScansearchError: If ``tensor`` is given and has another shape than ``shape``, which ``meaning`` spells out.
    """
    if tensor is not None and tuple(tensor.shape) != shape:
        raise ScansearchError(f"{name} must be {meaning} = {shape}, but got {tuple(tensor.shape)}")


def expect_rank(name: str, tensor: torch.Tensor, meaning: str) -> None:
    """Checks the number of dimensions against ``meaning``, for example ``"(G, B, L, D)"``.

    Raises:
        ScansearchError: If it differs.
    """
    rank = meaning.count(",") + 1
    if tensor.dim() != rank:
        raise ScansearchError(f"{name} must be {meaning}, {rank}-dimensional, but got shape {tuple(tensor.shape)}")


def check_scan(inputs: ScanInputs) -> None:
    """Checks kinds, shapes and devices of a grouped scan.

    Raises:
        ScansearchError: If an argument does not fit ``u`` and ``A``.
    """
    expect_tensors(OPTIONAL, **inputs._asdict())
    u, delta, A, B, C, D, z, delta_bias = inputs
    expect_rank("u", u, "(G, B, L, D)")
    expect_rank("A", A, "(G, D, N)")
    groups, batch, length, channels = u.shape
    states = A.shape[-1]
    expect("delta", delta, (groups, batch, length, channels), "(G, B, L, D)")
    expect("A", A, (groups, channels, states), "(G, D, N)")
    expect("B", B, (groups, batch, length, states), "(G, B, L, N)")
    expect("C", C, (groups, batch, length, states), "(G, B, L, N)")
    expect("D", D, (groups, channels), "(G, D)")
    expect("z", z, (groups, batch, length, channels), "(G, B, L, D)")
    expect("delta_bias", delta_bias, (groups, channels), "(G, D)")
    same_device(**inputs._asdict())
    floating(**inputs._asdict())


def expect_float32(**tensors: torch.Tensor) -> None:
    """Checks what a kernel reads memory as.

    Raises:
        ScansearchError: If a tensor holds anything else.
    """
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise ScansearchError(f"{name} must hold float32 for this kernel, but got {tensor.dtype}")


def floating(**tensors: torch.Tensor | None) -> None:
    """Checks that all tensors hold real numbers in floating point.

    Raises:
        ScansearchError: If one does not.
    """
    for name, tensor in tensors.items():
        if tensor is not None and tensor.dtype not in FLOATS:
            raise ScansearchError(
                f"{name} must hold {', '.join(str(dtype).removeprefix('torch.') for dtype in FLOATS)}, but got "
                f"{tensor.dtype}; convert it, for example with .float()"
            )


def expect_range(name: str, indices: torch.Tensor, least: int, count: int) -> None:
    """Checks the indices that a kernel reads memory by.

    Raises:
        ScansearchError: If one is below ``least``, or not below ``count``.
    """
    if indices.numel():
        if indices.dtype != torch.int64:
            raise ScansearchError(f"{name} must hold int64, but got {indices.dtype}; convert it with .long()")
        low, high = (int(bound) for bound in torch.aminmax(indices))
        if low < least or high >= count:
            raise ScansearchError(f"{name} must hold numbers from {least} to {count - 1}, but got {low} to {high}")


def same_device(**tensors: torch.Tensor | None) -> None:
    """Checks that all tensors are on one device.

    Raises:
        ScansearchError: If two are not.
    """
    devices = {name: str(tensor.device) for name, tensor in tensors.items() if tensor is not None}
    if len(set(devices.values())) > 1:
        listed = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise ScansearchError(f"all tensors must be on one device, but got {listed}; move them with .to(device)")


def check_branches(
    x: torch.Tensor,
    z: torch.Tensor | None,
    order: torch.Tensor,
    inverse: torch.Tensor,
    **parameters: torch.Tensor | None,
) -> None:
    """Checks kinds, shapes and devices of a layer's branches; see ``BranchParameters`` for the names in ``parameters``.

    Raises:
        ScansearchError: If an argument does not fit ``x``, ``order`` and ``A_log``, or one of the convolution's is there alone.
    """
    optional = ("z", "conv_weight", "conv_bias")
    expect_tensors(optional, x=x, z=z, order=order, inverse=inverse, **parameters)
    expect_rank("x", x, "(B, L, D)")
    expect_rank("order", order, "(G, L')")
    (batch, length, channels), groups = x.shape, order.shape[0]
    expect("z", z, (batch, length, channels), "(B, L, D)")
    expect("inverse", inverse, (groups, length), "(G, L)")
    wanted = {"A_log": "(G, D, N)", "dt_proj_weight": "(G, D, R)", "conv_weight": "(G, D, K)"}
    last: dict[str, int] = {}
    for name, meaning in wanted.items():
        if (tensor := parameters[name]) is not None:
            expect_rank(name, tensor, meaning)
            last[name] = tensor.shape[2]
            expect(name, tensor, (groups, channels, tensor.shape[2]), meaning)
    rows = last["dt_proj_weight"] + 2 * last["A_log"]
    expect("x_proj_weight", parameters["x_proj_weight"], (groups, rows, channels), "(G, R + 2N, D)")
    for name in ("D", "dt_proj_bias", "conv_bias"):
        expect(name, parameters[name], (groups, channels), "(G, D)")
    if (parameters["conv_weight"] is None) != (parameters["conv_bias"] is None):
        raise ScansearchError("conv_weight and conv_bias must be given both or neither, but got one of them")
    same_device(x=x, z=z, order=order, inverse=inverse, **parameters)
    floating(x=x, z=z, **parameters)


def visited_like(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """An empty result of ``reorder_conv_silu``, (G, B, L', D)."""
    return x.new_empty(order.shape[0], x.shape[0], order.shape[1], x.shape[2])


def mixed_like(branches: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """An empty result of ``mixture``, (B, L, D)."""
    return branches.new_empty(branches.shape[1:])


def weighed_like(x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """An empty result of ``weigh``, (G, B, L, D), of the widest type among the arguments."""
    wide = torch.promote_types(torch.promote_types(x.dtype, channel.dtype), token.dtype)
    return x.new_empty(x.shape, dtype=wide)


def weighed_mixture_like(
    x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """An empty result of ``weighed_mixture``, (B, L, D), of the widest type among those of ``weigh``."""
    return mixed_like(weighed_like(x, channel, token), weights)


def reduced_like(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Empty results of ``norm_reduce`` but for x: (G, B, D), of x's type, and (G, B, L, R), of the wider type."""
    wide = torch.promote_types(x.dtype, weight.dtype)
    return x.new_empty(*x.shape[:2], x.shape[3]), x.new_empty(*x.shape[:3], weight.shape[0], dtype=wide)
