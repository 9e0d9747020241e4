"""LocalVMamba and both forms of VMamba written out step by step: float64, plain loops, nothing of ours.

It reads a state dict under published names, and is what the tests of the real models compare with.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from literal_vim import visit
from torch.nn import functional as F

State = dict[str, torch.Tensor]


@dataclass
class LiteralVMamba:
    """The facts about one network.

    Args:
        state: Weights in float64 under published names.
        directions: Directions of each layer.
        depths: Layers of each stage.
        patch: Side of a patch.
        padded: Whether windows are padded with zero tokens (else cut).
        attention: "channel", "channel_spatial" or "none".
        today: Whether it is today's VMamba.
        released: Whether v and v_flip are put back as LocalMamba's code does.
        weights: For a supernet, the weights of the branches of each layer.
        drops: Stochastic-depth factors (B,) of what each block adds.
    """

    state: State
    directions: list[list[str]]
    depths: list[int]
    patch: int = 2
    padded: bool = False
    attention: str = "channel"
    today: bool = False
    released: bool = False
    weights: list[list[float]] | None = None
    drops: list[torch.Tensor] = field(default_factory=list)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        x, layer = self.stem(images), 0
        for stage, depth in enumerate(self.depths):
            for number in range(depth):
                x = self.block(x, f"layers.{stage}.blocks.{number}.", layer)
                layer += 1
            if stage < len(self.depths) - 1:
                x = self.smaller(x, f"layers.{stage}.downsample.")
        pooled = self.norm(x, "classifier.norm").mean((1, 2))
        return pooled @ self.state["classifier.head.weight"].T + self.state["classifier.head.bias"]

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def conv(self, x: torch.Tensor, name: str, stride: int, padding: int = 1) -> torch.Tensor:
        """Of (B, C, H, W), to (B, H', W', E)."""
        found = F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], stride, padding)
        return found.permute(0, 2, 3, 1)

    def stem(self, images: torch.Tensor) -> torch.Tensor:
        if not self.today:
            return self.norm(self.conv(images, "patch_embed.0", self.patch, 0), "patch_embed.2")
        half = F.gelu(self.norm(self.conv(images, "patch_embed.0", 2), "patch_embed.2"))
        rest = self.conv(half.permute(0, 3, 1, 2), "patch_embed.5", self.patch // 2)
        return self.norm(rest, "patch_embed.7")

    def smaller(self, x: torch.Tensor, prefix: str) -> torch.Tensor:
        if self.today:
            return self.norm(self.conv(x.permute(0, 3, 1, 2), prefix + "1", 2), prefix + "3")
        rows, columns = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
        joined = torch.zeros(len(x), rows, columns, 4, x.shape[3], dtype=x.dtype)
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                joined[:, row // 2, column // 2, row % 2 + 2 * (column % 2)] = x[:, row, column]
        return self.norm(joined.flatten(3), prefix + "norm") @ self.state[prefix + "reduction.weight"].T

    def block(self, x: torch.Tensor, prefix: str, layer: int) -> torch.Tensor:
        drop = self.drops[layer][:, None, None, None] if self.drops else 1
        x = x + drop * self.mixer(self.norm(x, prefix + "norm"), prefix + "op.", layer)
        if not self.today:
            return x
        s, normed = self.state, self.norm(x, prefix + "norm2")
        inner = F.gelu(normed @ s[prefix + "mlp.fc1.weight"].T + s[prefix + "mlp.fc1.bias"])
        return x + drop * (inner @ s[prefix + "mlp.fc2.weight"].T + s[prefix + "mlp.fc2.bias"])

    def mixer(self, hidden: torch.Tensor, prefix: str, layer: int) -> torch.Tensor:
        s, (batch, height, width, _) = self.state, hidden.shape
        x = hidden @ s[prefix + "in_proj.weight"].T
        x, z = (x, None) if self.today else x.chunk(2, -1)
        taps, bias = s[prefix + "conv2d.weight"], s.get(prefix + "conv2d.bias")
        x = F.silu(F.conv2d(x.permute(0, 3, 1, 2), taps, bias, padding=1, groups=len(taps)))
        x = x.flatten(2).transpose(1, 2)
        total = torch.zeros_like(x)
        for i, name in enumerate(self.directions[layer]):
            branch = self.branch(x, prefix, i, visit(name, height, width, self.padded))
            if self.released and name in ("v", "v_flip"):  # rows and columns are taken for each other on the way back
                by_column = branch[:, visit("v", height, width, False)].view(batch, height, width, -1)
                branch = by_column.transpose(1, 2).flatten(1, 2)
            branch = self.attend(branch, prefix)
            if self.weights is not None:
                centred = branch - branch.mean(-1, keepdim=True)
                branch = self.weights[layer][i] * centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
            total = total + branch
        y = self.norm(total, prefix + "out_norm").view(batch, height, width, -1)
        return (y if z is None else y * z / (1 + (-z).exp())) @ s[prefix + "out_proj.weight"].T

    def branch(self, x: torch.Tensor, prefix: str, i: int, order: list[int | None]) -> torch.Tensor:
        s, channels = self.state, slice(i * x.shape[-1], (i + 1) * x.shape[-1])
        A, D = -s[prefix + "A_logs"][channels].exp(), s[prefix + "Ds"][channels]
        weight, bias = s[prefix + "dt_projs_weight"][i], s[prefix + "dt_projs_bias"][i]
        h, out = torch.zeros(len(x), *A.shape, dtype=x.dtype), [None] * x.shape[1]
        for token in order:
            u = torch.zeros_like(x[:, 0]) if token is None else x[:, token]
            dt, B, C = (u @ s[prefix + "x_proj_weight"][i].T).split([weight.shape[1], A.shape[1], A.shape[1]], -1)
            step = torch.log1p((dt @ weight.T + bias).exp())
            h = (step[..., None] * A).exp() * h + step[..., None] * B[:, None] * u[..., None]
            if token is not None:
                out[token] = (h * C[:, None]).sum(-1) + D * u
        return torch.stack(out, 1)

    def attend(self, x: torch.Tensor, prefix: str) -> torch.Tensor:
        if self.attention == "none":
            return x
        prefix += "multi_scan.attn."
        s = {k.removeprefix(prefix): v for k, v in self.state.items() if k.startswith(prefix)}
        normed = self.norm(x, prefix + "norm")
        reduced = F.gelu(normed.mean(1) @ s["global_reduce.weight"].T + s["global_reduce.bias"])
        out = x * torch.sigmoid(reduced @ s["channel_select.weight"].T + s["channel_select.bias"])[:, None]
        if self.attention == "channel_spatial":
            local = F.gelu(normed @ s["local_reduce.weight"].T + s["local_reduce.bias"])
            joined = torch.cat([local, reduced[:, None].expand_as(local)], -1)
            out = out * torch.sigmoid(joined @ s["spatial_select.weight"].T + s["spatial_select.bias"])
        return out
