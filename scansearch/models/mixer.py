"""The mixer of LocalVim: one selective scan a direction, all directions in one grouped call."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.errors import UnsupportedError
from scansearch.models.attention import SCAttn
from scansearch.models.mixer_options import MixerOptions
from scansearch.models.order_tables import order_tables
from scansearch.models.selection import Selection, check_selection
from scansearch.models.supernet import initial_alpha, mixture_of
from scansearch.ops import BranchParameters, Orders, direction_branches, mixed_branches, mixture

PER_DIRECTION = ("A_log", "D", "conv_weight", "conv_bias", "x_proj_weight", "dt_proj_weight", "dt_proj_bias")
"""The parameters that every direction has its own of, stacked."""
VECTORS = {"D", "conv_bias", "dt_proj_bias"}
"""Stacked parameters whose slices are 1-D in LocalMamba, and so not decayed there."""
ATTENTION_ROWS = {"norm.weight", "norm.bias", "channel_select.weight", "channel_select.bias"}
ATTENTION_COLUMNS = {"global_reduce.weight", "local_reduce.weight"}
"""Parameters of SCAttn that have a row, or a column, for each channel."""
DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 0.1, 1e-4


class ScanMixer(nn.Module):
    """Scans the tokens along several directions and adds the results up.

    The parameters of all G directions are stacked in one tensor a kind.

    Args:
        config: Options of the model.
        directions: The G directions.
        grid: Rows and columns of the tokens.
        searchable: Whether the layer is part of a supernet and holds alpha.
    """

    def __init__(
        self, config: MixerOptions, directions: Sequence[str], grid: tuple[int, int], *, searchable: bool = False
    ) -> None:
        super().__init__()
        groups, inner, states, rank = len(directions), config.inner, config.d_state, config.rank
        self.config, self.rank, self.states = config, rank, states
        self.in_proj = nn.Linear(config.embed_dim, 2 * inner, bias=False)
        self.out_proj = nn.Linear(inner, config.embed_dim, bias=False)
        self.A_log = nn.Parameter(torch.empty(groups, inner, states))
        self.D = nn.Parameter(torch.empty(groups, inner))
        self.conv_weight = nn.Parameter(torch.empty(groups, inner, config.d_conv))
        self.conv_bias = nn.Parameter(torch.empty(groups, inner))
        self.x_proj_weight = nn.Parameter(torch.empty(groups, rank + 2 * states, inner))
        self.dt_proj_weight = nn.Parameter(torch.empty(groups, inner, rank))
        self.dt_proj_bias = nn.Parameter(torch.empty(groups, inner))
        self.attn = (
            None
            if config.attention == "none"
            else SCAttn(inner, config.reduction, config.attention, config.scan_backend)
        )
        if searchable:
            self.alpha = initial_alpha(groups)
        padded, class_token = config.windows == "padded", config.class_token == "middle"
        self._orders = order_tables(directions, grid, padded=padded, class_token=class_token)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial weights: Mamba's, with step sizes log-uniform in [1e-3, 0.1]."""
        if self.A_log.is_meta:  # nothing to draw, and arithmetic on the meta device imports the compiler: a second
            return
        taps, fan_in, low, high = self.config.d_conv**-0.5, self.config.inner**-0.5, math.log(DT_MIN), math.log(DT_MAX)
        with torch.no_grad():
            self.A_log.copy_(torch.arange(1, self.states + 1).log().expand_as(self.A_log))
            self.D.fill_(1.0)
            self.conv_weight.uniform_(-taps, taps)
            self.conv_bias.uniform_(-taps, taps)
            self.x_proj_weight.uniform_(-fan_in, fan_in)
            self.dt_proj_weight.uniform_(-(self.rank**-0.5), self.rank**-0.5)
            dt = torch.empty_like(self.dt_proj_bias).uniform_(low, high).exp().clamp(min=DT_FLOOR)
            self.dt_proj_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus
            self.out_proj.weight /= math.sqrt(self.config.depth)

    def reset_released(self) -> None:
        """Draws the linear maps as LocalVim's code ends up with them; step sizes start at softplus(0), out_proj as in Mamba."""
        nn.init.trunc_normal_(self.x_proj_weight, std=0.02)
        nn.init.trunc_normal_(self.dt_proj_weight, std=0.02)
        nn.init.zeros_(self.dt_proj_bias)
        self.out_proj.reset_parameters()  # kaiming uniform, a = sqrt(5)
        with torch.no_grad():
            self.out_proj.weight /= math.sqrt(self.config.depth)

    @torch.no_grad()
    def scale_branches(self, factors: torch.Tensor) -> None:
        """Multiplies what each branch gives by a factor, float (G,): C and D are, in which a branch is linear."""
        scales = factors.to(self.D)[:, None]
        self.x_proj_weight[:, self.rank + self.states :].mul_(scales[..., None])
        self.D.mul_(scales)

    def forward(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """Mixes hidden (B, L, E) along all directions, or those of ``selection``; returns (B, L, E)."""
        chosen = Selection(tuple(range(len(self.D)))) if selection is None else selection
        check_selection(chosen, len(self.D))
        x, z = self.in_proj(hidden).chunk(2, dim=-1)
        block = slice(None) if chosen.part is None else channel_block(chosen.part, self.config.inner)
        attention = [] if self.attn is None else self.attn.parameters()
        shared = [x[..., block], z[..., block], *attention]
        stacked = [*self._orders_on(hidden.device), *(getattr(self, name) for name in BranchParameters._fields)]
        mixed = mixture_of(chosen, self._mix, shared[0], stacked, shared, memory=self.config.mixture)
        if block != slice(None):
            mixed = torch.cat(
                [*passed(x, z, slice(0, block.start)), mixed, *passed(x, z, slice(block.stop, None))], dim=-1
            )
        return self.out_proj(mixed.to(hidden.dtype))

    def _mix(self, chunk: Selection, rows: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
        """The mixture (B, L, D) of some directions, from their orders and parameters, x, z and the parameters of SCAttn."""
        orders, parameters, backend = Orders(*rows[:2]), BranchParameters(*rows[2:]), self.config.scan_backend
        x, z, *attention = shared
        block = slice(None)
        if chunk.part is not None:
            block = channel_block(chunk.part, self.config.inner)
            parameters = parameters.channels(block)
        if self.attn is None:
            return mixed_branches(x, z, orders, parameters, chunk.weights, backend=backend)
        branches = direction_branches(x, z, orders, parameters, backend=backend)  # (G, B, L, D)
        names = [name for name, _ in self.attn.named_parameters()]
        cut = {name: _channels_of(name, p, block) for name, p in zip(names, attention, strict=True)}
        branches = self.attn.run(branches, cut)
        weights = None if chunk.weights is None else chunk.weights.to(branches)
        return mixture(branches, weights, backend=backend)

    def _orders_on(self, device: torch.device) -> Orders:
        if self._orders[0].device != device and device.type != "meta":
            self._orders = Orders(*(table.to(device) for table in self._orders))
        return self._orders


def channel_block(part: tuple[int, int], channels: int) -> slice:
    """Channels of block i of n equal ones, for ``part`` = (i, n).

    Raises:
        UnsupportedError: If the channels cannot be divided so.
    """
    number, blocks = part
    if channels % blocks:
        raise UnsupportedError(f"{channels} channels cannot be divided into {blocks} equal parts; choose a divisor")
    return slice(number * channels // blocks, (number + 1) * channels // blocks)


def _channels_of(name: str, parameter: torch.Tensor, block: slice) -> torch.Tensor:
    """A block of channels of a parameter of SCAttn."""
    if name in ATTENTION_ROWS:
        return parameter[block]
    return parameter[:, block] if name in ATTENTION_COLUMNS else parameter


def passed(x: torch.Tensor, z: torch.Tensor, channels: slice) -> list[torch.Tensor]:
    """The channels that go around the scan, gated; none if there are none."""
    around = x[..., channels]
    return [around * F.silu(z[..., channels])] if around.shape[-1] else []
