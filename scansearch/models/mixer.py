"""Mixers: one selective scan a direction, all directions in one grouped call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.errors import UnsupportedError
from scansearch.models.attention import SCAttn
from scansearch.models.mixer_options import BranchOptions, MixerOptions
from scansearch.models.order_tables import order_tables, released_places
from scansearch.models.selection import Selection, check_selection
from scansearch.models.supernet import initial_alpha, mixture_of
from scansearch.ops import BranchParameters, Orders, direction_branches, mixed_branches, mixture, weighed_mixture

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
        mean: Whether directions without weights are averaged instead of added up.
        taps: Taps of each direction's own causal convolution; 0: none.
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
        mean: bool = False,
        searchable: bool = False,
    ) -> None:
        super().__init__()
        groups, inner, states, rank = len(directions), config.inner_of(width), config.d_state, config.rank_of(width)
        self.config, self.inner, self.rank, self.states = config, inner, rank, states
        self.taps, self.mean = taps, mean
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
        self._tables = self.tables(directions, grid)
        self.reset_parameters()

    def tables(self, directions: Sequence[str], grid: tuple[int, int]) -> tuple[torch.Tensor, ...]:
        """The orders and their inverses; and whose result goes where, if that is not its own token's."""
        return _tables(self.config, directions, grid)

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
        stacked = [*self.stacked.values(), *self._tables_on(x.device)]
        mix = partial(self._mix, 1 / len(chosen.indices) if self.mean and chosen.weights is None else 1)
        mixed = mixture_of(chosen, mix, shared[0], stacked, shared, memory=self.config.mixture)
        if block == slice(None):
            return mixed
        return torch.cat([*passed(x, z, slice(0, block.start)), mixed, *passed(x, z, slice(block.stop, None))], dim=-1)

    @torch.no_grad()
    def scale_branches(self, factors: torch.Tensor) -> None:
        """Multiplies what each branch gives by a factor, float (G,): C and D are, in which a branch is linear."""
        scales = factors.to(self.D)[:, None]
        self.x_proj_weight[:, self.rank + self.states :].mul_(scales[..., None])
        self.D.mul_(scales)

    def summed(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """What the layer makes of hidden, up to where it is no longer linear in its branches; by default all that it gives."""
        summed: torch.Tensor = self.forward(hidden, selection)
        return summed

    def _mix(
        self, scale: float, chunk: Selection, rows: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The mixture (B, L, D) of some directions, from their parameters and tables, x, z and the parameters of SCAttn."""
        count, names = len(self.stacked), self._attention_names
        parameters, orders, places = (
            BranchParameters(*rows[:count]),
            Orders(*rows[count : count + 2]),
            rows[count + 2 :],
        )
        x, *gate = shared[: len(shared) - len(names)]
        z, attention = gate[0] if gate else None, shared[len(shared) - len(names) :]
        block, backend = slice(None), self.config.scan_backend
        if chunk.part is not None:
            block = channel_block(chunk.part, self.inner)
            parameters = parameters.channels(block)
        if self.attn is None and not places:
            return _scaled(mixed_branches(x, z, orders, parameters, chunk.weights, backend=backend), scale)
        branches = direction_branches(x, z, orders, parameters, backend=backend)  # (G, B, L, D)
        for place in places:
            branches = branches.gather(2, place[:, None, :, None].expand_as(branches))
        weights = None if chunk.weights is None else chunk.weights.to(branches)
        if self.attn is None:
            return _scaled(mixture(branches, weights, backend=backend), scale)
        cut = {name: _channels_of(name, p, block) for name, p in zip(names, attention, strict=True)}
        return _scaled(weighed_mixture(*self.attn.read(branches, cut), weights, backend=backend), scale)

    @property
    def _attention_names(self) -> list[str]:
        return [] if self.attn is None else [name for name, _ in self.attn.named_parameters()]

    def _tables_on(self, device: torch.device) -> tuple[torch.Tensor, ...]:
        if self._tables[0].device != device and device.type != "meta":
            self._tables = tuple(table.to(device) for table in self._tables)
        return self._tables


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
        mean, taps = config.merge == "mean", config.d_conv
        super().__init__(config, config.embed_dim, directions, grid, taps=taps, mean=mean, searchable=searchable)

    def tables(self, directions: Sequence[str], grid: tuple[int, int]) -> tuple[torch.Tensor, ...]:
        """The same, where a class token may stand among the tokens."""
        return _tables(self.config, directions, grid, self.config.class_token == "middle", self.config.flips)

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


def _tables(
    config: BranchOptions,
    directions: Sequence[str],
    grid: tuple[int, int],
    class_token: bool = False,
    flips: Literal["patches", "sequence"] = "patches",
) -> tuple[torch.Tensor, ...]:
    orders = order_tables(directions, grid, padded=config.windows == "padded", class_token=class_token, flips=flips)
    places = released_places(directions, grid, class_token=class_token) if config.inverses == "released" else None
    return tuple(orders) if places is None else (*orders, places)


def _scaled(mixed: torch.Tensor, scale: float) -> torch.Tensor:
    return mixed if scale == 1 else mixed * scale


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
