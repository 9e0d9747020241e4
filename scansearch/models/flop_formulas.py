"""FLOPs of a network, counted by formulas that are in use. They differ by more than directions do: never mix them.

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
(``windows="padded"``), a direction of LocalVim counts the steps of its own padded grid; released code counts L.

In LocalVMamba and VMamba the convolution is 9 D L a layer and the skip of the scan D L a direction; the stem, downsampling and, of today's
VMamba, the MLP count their products, and every further norm as the last. ``vmamba`` counts 1 an element of the mean before the head. Padded
sequences of a layer are all as long as its longest, and count so. That gives 5.729 G (LocalVMamba-T) and 11.373 G (S), as published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Formula:
    """How FLOPs are counted; see the table at the top of this file.

    Args:
        description: One line for listings.
        scan: FLOPs of a scan for each step, channel and state.
        each: Whether convolution, projections and SCAttn count once a direction; otherwise once a layer.
        block_norm: FLOPs for each element of the norm before a mixer.
        other_norms: FLOPs for each element of the other norms.
        pooling: FLOPs for each element of the mean over the grid before LocalVMamba's head.
    """

    description: str
    scan: int
    each: bool
    block_norm: int
    other_norms: int
    pooling: int


FORMULAS = {
    "vmamba": Formula("everything in every direction, 9 L D N a scan, as VMamba counts", 9, True, 5, 5, 1),
    "localmamba": Formula(
        "LocalVim's released code and paper: projections once a layer, 5 L D N a scan", 5, False, 1, 0, 0
    ),
    "localmamba_all": Formula("the same, but everything in every direction", 5, True, 1, 0, 0),
}


class LayerFlops(NamedTuple):
    """FLOPs of a layer for one image.

    Args:
        base: Without any direction.
        directions: Of each direction that it may run.
    """

    base: int
    directions: dict[str, int]


class Flops(NamedTuple):
    """FLOPs of a network for one image.

    Args:
        fixed: Of everything outside of the layers.
        layers: Of each layer.
    """

    fixed: int
    layers: tuple[LayerFlops, ...]
