"""SCAttn, LocalMamba's spatial and channel attention (arXiv 2403.09338, section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.ops import norm_reduce, weigh


class SCAttn(nn.Module):
    """Weighs channels, and in the paper's form also tokens, of a branch.

    Channel weights: sigmoid(W2 GELU(W1 mean over tokens of LN(x))). Token weights: sigmoid of a linear map of the token's own
    reduced feature joined with the global one. Both multiply x itself. The released code computes channel weights only.

    Args:
        channels: Channels D.
        reduction: The inner width is D / reduction.
        form: ``"channel"`` (released) or ``"channel_spatial"`` (paper).
        backend: What multiplies; see ``scansearch.ops``.
    """

    def __init__(
        self, channels: int, reduction: int, form: Literal["channel", "channel_spatial"], backend: str = "auto"
    ) -> None:
        super().__init__()
        self.backend = backend
        inner = max(1, channels // reduction)
        self.norm = nn.LayerNorm(channels)
        self.global_reduce = nn.Linear(channels, inner)
        self.channel_select = nn.Linear(inner, channels)
        self.spatial = form == "channel_spatial"
        if self.spatial:
            self.local_reduce = nn.Linear(channels, inner)
            self.spatial_select = nn.Linear(2 * inner, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weighs x of shape (G, B, L, D); returns the same shape."""
        return self.run(x, dict(self.named_parameters()))

    def run(self, x: torch.Tensor, p: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """``forward`` with other tensors in the place of the parameters, by their names."""
        return weigh(*self.read(x, p), backend=self.backend)

    def read(
        self, x: torch.Tensor, p: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """What ``run`` multiplies: x, the weights of channels (G, B, D), and those of tokens (G, B, L) or ``None``.

        Use the x that comes out: its gradient is put together in one pass.
        """
        # Weights may be narrower than x, which the scan gives in float32: maps run in theirs, what multiplies x in its own.
        scale, shift = p["norm.weight"].to(x), p["norm.bias"].to(x)
        narrow = p["global_reduce.weight"].dtype
        # LN(x) itself is never stored: its scale and shift move into the maps that read it.
        reduce = p["local_reduce.weight"].to(x) * scale if self.spatial else scale.new_zeros(0, len(scale))
        x, pooled, reduced = norm_reduce(x, reduce, backend=self.backend)
        summary = F.gelu(_linear(p, "global_reduce", (pooled * scale + shift).to(narrow)))  # (G, B, D/r)
        channel = _linear(p, "channel_select", summary).sigmoid().to(x)
        if not self.spatial:
            return x, channel, None
        local = F.gelu((reduced + _linear(p, "local_reduce", shift.to(narrow))).to(narrow))  # (G, B, L, D/r)
        # The linear map of (local, global) joined is the sum of its two halves: the global half once a sequence.
        own, shared = p["spatial_select.weight"].chunk(2, dim=1)
        together = F.linear(summary, shared, p["spatial_select.bias"])  # (G, B, 1)
        token = (F.linear(local, own)[..., 0] + together).sigmoid()
        return x, channel, token.to(x)


def _linear(p: Mapping[str, torch.Tensor], name: str, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])
