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
from scansearch.models.streaming import streamed_sum
from scansearch.models.supernet import Selection, check_selection
from scansearch.ops import mixture, reorder_conv_silu, restore_gate, selective_scan_grouped

PER_DIRECTION = ("A_log", "D", "conv_weight", "conv_bias", "x_proj_weight", "dt_proj_weight", "dt_proj_bias")
"""The parameters that every direction has its own of, stacked."""
VECTORS = {"D", "conv_bias", "dt_proj_bias"}
"""Stacked parameters whose slices are 1-D in LocalMamba, and so not decayed there."""
MOST_KEPT = 16
"""Selected directions up to which a layer's mixture is kept for the backward pass, unless the model says otherwise."""
CHUNK = 8
"""Directions in a chunk of a streamed mixture: `python -m benchmarks many` measures it."""
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
            self.alpha = nn.Parameter(1e-3 * torch.randn(groups, 1, 1, 1))
        padded, class_token = config.windows == "padded", config.class_token == "middle"
        self._orders = order_tables(directions, grid, padded=padded, class_token=class_token)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial weights: Mamba's, with step sizes log-uniform in [1e-3, 0.1]."""
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

    def reset_linear_released(self) -> None:
        """Draws the stacked linear maps as LocalVim's code ends up with them; step sizes start at softplus(0)."""
        nn.init.trunc_normal_(self.x_proj_weight, std=0.02)
        nn.init.trunc_normal_(self.dt_proj_weight, std=0.02)
        nn.init.zeros_(self.dt_proj_bias)

    def forward(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """Mixes hidden (B, L, E) along all directions, or those of ``selection``; returns (B, L, E)."""
        if selection is not None:
            check_selection(selection, len(self.D))
        indices = None if selection is None or selection.indices == tuple(range(len(self.D))) else selection.indices
        chosen = None if indices is None else torch.tensor(indices, device=hidden.device)
        stacked = [*self._orders_on(hidden.device), *(getattr(self, name) for name in PER_DIRECTION)]
        if chosen is not None:
            stacked = [tensor.index_select(0, chosen) for tensor in stacked]
        if selection is not None and selection.weights is not None:
            stacked.append(selection.weights)
        x, z = self.in_proj(hidden).chunk(2, dim=-1)
        attention: list[torch.Tensor] = [] if self.attn is None else list(self.attn.parameters())
        block = slice(None)
        if selection is not None and selection.part is not None:
            block = channel_block(selection.part, self.config.inner)
            stacked, attention = self._block_of(stacked, attention, block)
        shared = [x[..., block], z[..., block], *attention]
        many = self._recomputes(len(stacked[0]))
        mixed = streamed_sum(self._mix, CHUNK, stacked, shared) if many else self._mix(stacked, shared)
        if selection is not None and selection.shortcut:
            mixed = mixed + selection.shortcut * shared[0]
        if block != slice(None):
            mixed = torch.cat(
                [*passed(x, z, slice(0, block.start)), mixed, *passed(x, z, slice(block.stop, None))], dim=-1
            )
        return self.out_proj(mixed.to(hidden.dtype))

    def _block_of(
        self, stacked: list[torch.Tensor], attention: list[torch.Tensor], block: slice
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The parameters of one block of channels."""
        orders, weights = stacked[:2], stacked[2 + len(PER_DIRECTION) :]
        parameters = [
            tensor[..., block] if name == "x_proj_weight" else tensor[:, block]
            for name, tensor in zip(PER_DIRECTION, stacked[2:], strict=False)
        ]
        names = [] if self.attn is None else [name for name, _ in self.attn.named_parameters()]
        cut = [
            tensor[block] if name in ATTENTION_ROWS else tensor[:, block] if name in ATTENTION_COLUMNS else tensor
            for name, tensor in zip(names, attention, strict=True)
        ]
        return [*orders, *parameters, *weights], cut

    def _recomputes(self, directions: int) -> bool:
        # By their number alone: a rule that looked at free memory would round differently from one run to the next.
        wanted = self.config.mixture
        return directions > MOST_KEPT if wanted == "auto" else wanted == "recompute"

    def _mix(self, stacked: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
        """The weighted, or without weights the plain, sum over the directions that ``stacked`` holds, (B, L, D)."""
        order, inverse, *rest = stacked
        parameters, weights = dict(zip(PER_DIRECTION, rest, strict=False)), rest[len(PER_DIRECTION) :]
        branches = self._branches(shared[0], shared[1], order, inverse, parameters)  # (G, B, L, D)
        if self.attn is not None:
            names = [name for name, _ in self.attn.named_parameters()]
            branches = self.attn.run(branches, dict(zip(names, shared[2:], strict=True)))
        if not weights:
            return branches.sum(0)
        return mixture(branches, weights[0].to(branches), backend=self.config.scan_backend)

    def _branches(
        self,
        x: torch.Tensor,
        z: torch.Tensor,
        order: torch.Tensor,
        inverse: torch.Tensor,
        p: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """The gated output of each direction in token order, (G, B, L, D), from x and z (B, L, D)."""
        backend = self.config.scan_backend
        # The scan adds up many small steps: in half and mixed precision it runs in float32, as LocalMamba's does.
        wide, narrow = torch.promote_types(x.dtype, torch.float32), p["x_proj_weight"].dtype
        taps, bias, skip, step_bias = (p[k].to(wide) for k in ("conv_weight", "conv_bias", "D", "dt_proj_bias"))
        u = reorder_conv_silu(x.to(wide), order, taps, bias, backend=backend)
        groups, batch, length, inner = u.shape
        projected = torch.bmm(u.reshape(groups, -1, inner).to(narrow), p["x_proj_weight"].transpose(1, 2))
        dt, B, C = projected.split([self.rank, self.states, self.states], dim=-1)
        delta = torch.bmm(dt, p["dt_proj_weight"].transpose(1, 2)).view(u.shape).to(wide)
        B, C = (t.reshape(groups, batch, length, self.states).to(wide) for t in (B, C))
        A = -torch.exp(p["A_log"].to(wide))
        y = selective_scan_grouped(u, delta, A, B, C, skip, delta_bias=step_bias, backend=backend)
        # The gate is reordered like the tokens and back again: in token order it is the gate itself.
        return restore_gate(y, z.to(wide), order, inverse, backend=backend)

    def _orders_on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        if self._orders[0].device != device and device.type != "meta":
            self._orders = (self._orders[0].to(device), self._orders[1].to(device))
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


def passed(x: torch.Tensor, z: torch.Tensor, channels: slice) -> list[torch.Tensor]:
    """The channels that go around the scan, gated; none if there are none."""
    around = x[..., channels]
    return [around * F.silu(z[..., channels])] if around.shape[-1] else []
