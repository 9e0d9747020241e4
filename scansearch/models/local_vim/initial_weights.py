"""The initial weights of LocalVim's and of Vim's released code, where they are not Mamba's."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from scansearch.models.mixer import ScanMixer
from scansearch.models.order_tables import is_backwards

LECUN = 1 / 0.87962566103423978
"""What timm multiplies the standard deviation of lecun_normal_ with, to make up for tails that its version 0.4.12, Vim's, leaves on."""


def draw_weights(network: Any, init: str) -> None:
    """Draws what a ``LocalVim`` has beside its mixers, and again what ``init`` ("mamba", "released", "vim") draws unlike Mamba."""
    nn.init.trunc_normal_(network.pos_embed, std=0.02)
    if not network.shape.dense:
        nn.init.trunc_normal_(network.head.weight, std=0.02)
        nn.init.zeros_(network.head.bias)
    if init == "released":
        _draw_released(network)
    elif init == "vim":
        _draw_vim(network)


def _draw_released(network: Any) -> None:
    # LocalVim's code passes over all linear maps in the end; that was not meant to reach the step-size projections. Then
    # out_proj is drawn once more.
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for mixer in [module for module in network.modules() if isinstance(module, ScanMixer)]:
        mixer.reset_released()


def _draw_vim(network: Any) -> None:
    weight, bias = network.patch_embed.proj.parameters()
    nn.init.trunc_normal_(weight, std=LECUN / math.sqrt(weight[0].numel()))
    nn.init.zeros_(bias)
    if network.class_place is not None:
        nn.init.trunc_normal_(network.cls_token, std=0.02)
    mixers = [module for module in network.modules() if isinstance(module, ScanMixer)]
    for mixer, names in zip(mixers, network.candidates, strict=True):
        with torch.no_grad():  # Vim's code guards the forward bias alone from the pass that zeroes those of linear maps
            mixer.dt_proj_bias[[is_backwards(name) for name in names]] = 0
