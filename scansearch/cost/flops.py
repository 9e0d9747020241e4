"""FLOPs of LocalVim, by the formulas that are in use. They differ by more than directions do: never mix them.

A multiply-add counts once, biases and elementwise functions do not count. L tokens (class token included), width E, inner
width D, N states, R the rank of the step sizes, k taps, r the reduction, K directions in a layer:

=============================  ==========================  ==============  ==============  ============
term                           FLOPs                       localmamba      localmamba_all  vmamba
=============================  ==========================  ==============  ==============  ============
patches, of p x p pixels       p p C E a patch             once            once            once
head                           E classes                   once            once            once
in_proj                        2 E D L                     a layer         a layer         a layer
out_proj                       D E L                       a layer         a layer         a layer
norm before the mixer          n E L                       n = 1           n = 1           n = 5
causal convolution             D k (L + k - 1)             a layer         a direction     a direction
x_proj                         D (R + 2 N) L               a layer         a direction     a direction
dt_proj                        R D L                       a layer         a direction     a direction
SCAttn, channels               2 D (D / r)                 a layer         a direction     a direction
SCAttn, tokens (paper's form)  D (D / r) L + 2 (D / r) L   a layer         a direction     a direction
scan                           s D N L                     s = 5           s = 5           s = 9
skip and gate of the scan      2 D L                       a direction     a direction     a direction
last norm; norm of SCAttn      5 E L; 5 D L a direction    no              no              yes
=============================  ==========================  ==============  ==============  ============

``localmamba`` is what LocalVim's released code counts and its paper reports: 1.482 G (LocalVim-T) and 4.771 G (LocalVim-S) at
224 x 224 pixels, 1000 classes and 4 directions a layer. What it counts once a layer runs once a direction in truth;
``localmamba_all`` counts it so: 1.755 G and 5.539 G. ``vmamba`` takes 9 L D N for a scan, as VMamba and LocalVMamba do (derived in
issue 110 of state-spaces/mamba), and 5 an element of a norm, as fvcore does for a LayerNorm with scale and shift.

A convolution counts its output before the last k - 1 steps are cut off. Where windows are padded with zero tokens
(``windows="padded"``), a direction counts the steps of its own padded grid; released code counts L.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scansearch.cost.table import CostTable, LayerCost
from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.models.config import LocalVimConfig
from scansearch.registry import unknown_name
from scansearch.scans import ScanOrder


@dataclass(frozen=True)
class Formula:
    """How FLOPs are counted; see the table at the top of this file.

    Args:
        description: One line for listings.
        scan: FLOPs of a scan for each step, channel and state.
        each: Whether convolution, projections and SCAttn count once a direction; otherwise once a layer.
        block_norm: FLOPs for each element of the norm before a mixer.
        other_norms: FLOPs for each element of the last norm and of SCAttn's.
    """

    description: str
    scan: int
    each: bool
    block_norm: int
    other_norms: int


FORMULAS = {
    "vmamba": Formula("everything in every direction, 9 L D N a scan, as VMamba counts", 9, True, 5, 5),
    "localmamba": Formula(
        "LocalVim's released code and paper: projections once a layer, 5 L D N a scan", 5, False, 1, 0
    ),
    "localmamba_all": Formula("the same, but everything in every direction", 5, True, 1, 0),
}


def flops_table(
    spec: Any,
    candidates: Sequence[Sequence[str]],
    *,
    num_classes: int,
    image_size: tuple[int, int],
    in_channels: int,
    formula: str = "vmamba",
) -> CostTable:
    """FLOPs of one image, by a named formula.

    Args:
        spec: A LocalVim of any options (a ``ModelSpec``).
        candidates: The directions of each layer that get a cost.
        num_classes: Classes of the head.
        image_size: (height, width) of the images.
        in_channels: Colour channels of the images.
        formula: One of ``FORMULAS``.

    Returns:
        A table of integers.

    Raises:
        ScansearchError: If there is no such formula, or the number of layers is wrong.
        UnsupportedError: If the model is no LocalVim.
    """
    config = getattr(spec, "config", None)
    if not isinstance(config, LocalVimConfig):
        raise UnsupportedError(
            f"FLOP formulas are for LocalVim, but {spec.name} is another backbone; measure it with "
            f"`scansearch bench --model {spec.name} --unit ms`"
        )
    if formula not in FORMULAS:
        raise unknown_name("FLOP formula", formula, list(FORMULAS))
    if len(candidates) != config.depth:
        raise ScansearchError(f"{spec.name} has {config.depth} layers, but candidates for {len(candidates)} were given")
    count = _Count(config, FORMULAS[formula], config.grid(image_size))
    return CostTable(
        unit="FLOPs",
        source=formula,
        model=spec.name,
        image_size=image_size,
        fixed=count.fixed(num_classes, in_channels * config.patch(image_size) ** 2),
        layers=tuple(count.layer(names) for names in candidates),
    )


class _Count:
    """Counts the terms of the table at the top of this file."""

    def __init__(self, config: LocalVimConfig, formula: Formula, grid: tuple[int, int]) -> None:
        self.config, self.formula, self.grid = config, formula, grid
        self.patches = grid[0] * grid[1]
        self.class_tokens = int(config.class_token == "middle")
        self.tokens = self.patches + self.class_tokens

    def fixed(self, num_classes: int, patch_values: int) -> int:
        """Patch embedding, last norm and head."""
        width = self.config.embed_dim
        norm = self.formula.other_norms * width * self.tokens
        return patch_values * width * self.patches + norm + width * num_classes

    def layer(self, names: Sequence[str]) -> LayerCost:
        width, inner = self.config.embed_dim, self.config.inner
        base = (3 * inner + self.formula.block_norm) * width * self.tokens  # in_proj, out_proj, norm
        if not self.formula.each:
            base += self._projections(self.tokens) + self._attention()
        return LayerCost(grid=self.grid, base=base, directions={name: self._direction(name) for name in names})

    def _direction(self, name: str) -> int:
        steps = self._steps(name)
        scan = (self.formula.scan * self.config.d_state + 2) * self.config.inner * steps
        return scan + (self._projections(steps) + self._attention() if self.formula.each else 0)

    def _projections(self, steps: int) -> int:
        config = self.config
        convolution = config.inner * config.d_conv * (steps + config.d_conv - 1)
        return convolution + (2 * config.rank + 2 * config.d_state) * config.inner * steps

    def _attention(self) -> int:
        config = self.config
        if config.attention == "none":
            return 0
        reduced = max(1, config.inner // config.reduction)
        spatial = (config.inner + 2) * reduced * self.tokens if config.attention == "channel_spatial" else 0
        return 2 * config.inner * reduced + spatial + self.formula.other_norms * config.inner * self.tokens

    def _steps(self, name: str) -> int:
        padded = self.config.windows == "padded"
        return (len(ScanOrder(name).indices(*self.grid, padded=True)) if padded else self.patches) + self.class_tokens
