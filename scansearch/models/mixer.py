"""Mixers: one selective scan a direction, all directions in one grouped call."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.errors import UnsupportedError
from scansearch.models.attention import SCAttn
from scansearch.models.mixer_options import BranchOptions, MixerOptions
from scansearch.models.order_tables import order_tables
from scansearch.models.selection import Selection, check_selection
from scansearch.models.supernet import initial_alpha, mixture_of
from scansearch.ops import BranchParameters, Orders, direction_branches, mixed_branches, mixture

VECTORS = {"D", "conv_bias", "dt_proj_bias"}
"""Stacked parameters whose slices are 1-D in LocalMamba, and so not decayed there."""
ATTENTION_ROWS = {"norm.weight", "norm.bias", "channel_select.weight", "channel_select.bias"}
ATTENTION_COLUMNS = {"global_reduce.weight", "local_reduce.weight"}
"""Parameters of SCAttn that have a row, or a column, for each channel."""
CONVOLUTION = ("conv_weight", "conv_bias")
DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 0.1, 1e-4


class BranchMixer(nn.Module):
    """What the mixers of all families share: maps in and out, and the branches between them.

    The parameters of all G directions are stacked in one tensor a kind.

    Args:
        config: Options of the model.
        width: Channels E that go in and come out.
        directions: The G directions.
        grid: Rows and columns of the tokens.
        gated: Whether ``in_proj`` gives a gate, too.
        taps: Taps of each direction's own causal convolution; 0: none.
        class_token: Whether a class token stands in the middle of the tokens.
        searchable: Whether the layer is part of a supernet and holds alpha.
    """

    def __init__(
        self,
        config: BranchOptions,
        width: int,
        directions: Sequence[str],
        grid: tuple[int, int],
        *,
        gated: bool = True,
        taps: int = 0,
        class_token: bool = False,
        searchable: bool = False,
    ) -> None:
        super().__init__()
        groups, inner, states, rank = len(directions), config.inner_of(width), config.d_state, config.rank_of(width)
        self.config, self.inner, self.rank, self.states, self.taps = config, inner, rank, states, taps
        self.in_proj = nn.Linear(width, (1 + gated) * inner, bias=False)
        self.out_proj = nn.Linear(inner, width, bias=False)
        self.A_log = nn.Parameter(torch.empty(groups, inner, states))
        self.D = nn.Parameter(torch.empty(groups, inner))
        if taps:
            self.conv_weight = nn.Parameter(torch.empty(groups, inner, taps))
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
        self._orders = order_tables(directions, grid, padded=config.windows == "padded", class_token=class_token)
        self.reset_parameters()

    @property
    def stacked(self) -> dict[str, nn.Parameter]:
        """The parameters that every direction has its own of, one row a direction."""
        convolution = CONVOLUTION if not self.taps else ()
        return {name: getattr(self, name) for name in BranchParameters._fields if name not in convolution}

    def reset_parameters(self) -> None:
        """Draws the initial weights of the branches: Mamba's, with step sizes log-uniform in [1e-3, 0.1]."""
        if self.A_log.is_meta:  # nothing to draw, and arithmetic on the meta device imports the compiler: a second
            return
        fan_in, low, high = self.inner**-0.5, math.log(DT_MIN), math.log(DT_MAX)
        with torch.no_grad():
            self.A_log.copy_(torch.arange(1, self.states + 1).log().expand_as(self.A_log))
            self.D.fill_(1.0)
            if self.taps:
                self.conv_weight.uniform_(-(self.taps**-0.5), self.taps**-0.5)
                self.conv_bias.uniform_(-(self.taps**-0.5), self.taps**-0.5)
            self.x_proj_weight.uniform_(-fan_in, fan_in)
            self.dt_proj_weight.uniform_(-(self.rank**-0.5), self.rank**-0.5)
            dt = torch.empty_like(self.dt_proj_bias).uniform_(low, high).exp().clamp(min=DT_FLOOR)
            self.dt_proj_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus

    def mixed(self, x: torch.Tensor, z: torch.Tensor | None, selection: Selection | None) -> torch.Tensor:
        """The branches of ``selection``, or all, from x (B, L, D) and their gate z, added up: (B, L, D), at least in float32."""
        chosen = Selection(tuple(range(len(self.D)))) if selection is None else selection
        check_selection(chosen, len(self.D))
        block = slice(None) if chosen.part is None else channel_block(chosen.part, self.inner)
        attention = [] if self.attn is None else self.attn.parameters()
        shared = [x[..., block], *([] if z is None else [z[..., block]]), *attention]
        stacked = [*self._orders_on(x.device), *self.stacked.values()]
        mixed = mixture_of(chosen, self._mix, shared[0], stacked, shared, memory=self.config.mixture)
        if block == slice(None):
            return mixed
        return torch.cat([*passed(x, z, slice(0, block.start)), mixed, *passed(x, z, slice(block.stop, None))], dim=-1)

    def _mix(self, chunk: Selection, rows: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
        """The mixture (B, L, D) of some directions, from their orders and parameters, x, z and the parameters of SCAttn."""
        orders, parameters, backend = Orders(*rows[:2]), BranchParameters(*rows[2:]), self.config.scan_backend
        attention = shared[len(shared) - len(self._attention_names) :]
        x, z = shared[0], shared[1] if len(shared) > 1 + len(attention) else None
        block = slice(None)
        if chunk.part is not None:
            block = channel_block(chunk.part, self.inner)
            parameters = parameters.channels(block)
        if self.attn is None:
            return mixed_branches(x, z, orders, parameters, chunk.weights, backend=backend)
        branches = direction_branches(x, z, orders, parameters, backend=backend)  # (G, B, L, D)
        cut = {name: _channels_of(name, p, block) for name, p in zip(self._attention_names, attention, strict=True)}
        branches = self.attn.run(branches, cut)
        weights = None if chunk.weights is None else chunk.weights.to(branches)
        return mixture(branches, weights, backend=backend)

    @property
    def _attention_names(self) -> list[str]:
        return [] if self.attn is None else [name for name, _ in self.attn.named_parameters()]

    def _orders_on(self, device: torch.device) -> Orders:
        if self._orders[0].device != device and device.type != "meta":
            self._orders = Orders(*(table.to(device) for table in self._orders))
        return self._orders


class ScanMixer(BranchMixer):
    """The mixer of LocalVim: each direction has a causal convolution of its own, and all share a gate.

    Args:
        config: Options of the model.
        directions: The G directions.
        grid: Rows and columns of the tokens.
        searchable: Whether the layer is part of a supernet and holds alpha.
    """

    config: MixerOptions

    def __init__(
        self, config: MixerOptions, directions: Sequence[str], grid: tuple[int, int], *, searchable: bool = False
    ) -> None:
        token = config.class_token == "middle"
        super().__init__(
            config, config.embed_dim, directions, grid, taps=config.d_conv, class_token=token, searchable=searchable
        )

    def reset_parameters(self) -> None:
        """Draws the initial weights, with an ``out_proj`` that becomes smaller with the depth."""
        super().reset_parameters()
        if not self.out_proj.weight.is_meta:
            with torch.no_grad():
                self.out_proj.weight /= math.sqrt(self.config.depth)

    def reset_released(self) -> None:
        """Draws the linear maps as LocalVim's code ends up with them; step sizes start at softplus(0), out_proj as in Mamba."""
        nn.init.trunc_normal_(self.x_proj_weight, std=0.02)
        nn.init.trunc_normal_(self.dt_proj_weight, std=0.02)
        nn.init.zeros_(self.dt_proj_bias)
        self.out_proj.reset_parameters()  # kaiming uniform, a = sqrt(5)
        with torch.no_grad():
            self.out_proj.weight /= math.sqrt(self.config.depth)

    def forward(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """Mixes hidden (B, L, E) along all directions, or those of ``selection``; returns (B, L, E)."""
        x, z = self.in_proj(hidden).chunk(2, dim=-1)
        return self.out_proj(self.mixed(x, z, selection).to(hidden.dtype))


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


def passed(x: torch.Tensor, z: torch.Tensor | None, channels: slice) -> list[torch.Tensor]:
    """The channels that go around the scan, gated if there is a gate; none if there are none."""
    around = x[..., channels]
    if not around.shape[-1]:
        return []
    return [around if z is None else around * F.silu(z[..., channels])]
