"""Selective scan, forward and backward with all gradients, and forward alone: ours against its peers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch

from benchmarks.comparison import Comparison
from benchmarks.peers import Scan, absent_peers, available_peers, cpu
from benchmarks.timing import interleaved


class Shape(NamedTuple):
    """Sizes of a scan; ``channels`` are those of one group."""

    groups: int
    batch: int
    length: int
    channels: int
    states: int

    def __str__(self) -> str:
        total = self.groups * self.channels
        return f"B={self.batch}, G={self.groups}, D={total}, L={self.length}, N={self.states}"


Work = Callable[[Scan, Shape], Callable[[], object]]
"""What is timed of a scan."""
SHAPES = {"c": Shape(8, 64, 64, 64, 16), "a": Shape(1, 32, 196, 384, 16), "b16": Shape(1, 64, 64, 64, 16)}
"""c: all directions of a layer of the small supernet; a: one direction of a LocalVim-T; b16: one direction of c."""
TINY = {"tiny": Shape(2, 2, 10, 8, 4)}


def inputs(shape: Shape, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """u, delta, A, B, C, D and delta_bias with the sizes they have in a young network: steps of about exp(-4), A about -n."""
    generator = torch.Generator().manual_seed(0)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    groups, batch, length, channels, states = shape
    rates = -torch.arange(1, states + 1) * torch.exp(0.1 * normal(groups, channels, states))
    made = [
        normal(groups, batch, length, channels),
        normal(groups, batch, length, channels) * math.sqrt(0.75),
        rates,
        normal(groups, batch, length, states),
        normal(groups, batch, length, states),
        1 + 0.1 * normal(groups, channels),
        -4 + 0.5 * normal(groups, channels),
    ]
    return [tensor.to(dtype).requires_grad_() for tensor in made]


def forward_backward(scan: Scan, shape: Shape) -> Callable[[], object]:
    """A function that scans once and takes the gradients of all seven inputs."""
    tensors = inputs(shape)
    grad = torch.randn(tensors[0].shape, generator=torch.Generator().manual_seed(1))
    return lambda: torch.autograd.grad(scan(*tensors), tensors, grad)


def forward(scan: Scan, shape: Shape) -> Callable[[], object]:
    """A function that scans once, of which nothing is to be learned."""
    tensors = [tensor.detach() for tensor in inputs(shape)]
    return torch.no_grad()(lambda: scan(*tensors))


def contestants() -> dict[str, Scan]:
    """Ours and the peers that run here."""
    return {"cpu": cpu, **available_peers()}


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """Two comparisons for each shape, in milliseconds: of a training's scan, and of the forward pass alone."""
    shapes = TINY if tiny else SHAPES
    return [
        _compare(f"{case}{behind}", shape, repeats, work, passes)
        for case, shape in shapes.items()
        for behind, work, passes in (
            ("", forward_backward, "forward + backward"),
            (" forward", forward, "forward alone"),
        )
    ]


def _compare(case: str, shape: Shape, repeats: int, work: Work, passes: str) -> Comparison:
    functions = {name: work(scan, shape) for name, scan in contestants().items()}
    title = f"scan {case}: selective scan, {passes}, {shape}"
    return Comparison("scan", case, title, "ms", interleaved(functions, repeats), absent_peers())
