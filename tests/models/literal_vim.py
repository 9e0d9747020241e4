"""LocalVim and Vim written out step by step, from facts about the published code: float64, plain loops, nothing of ours.

It reads a state dict under LocalMamba's names, and is what the tests of the real model compare with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

State = dict[str, torch.Tensor]


@dataclass
class Literal:
    """The facts about one network.

    Args:
        state: Weights in float64 under LocalMamba's names.
        directions: Directions of each layer.
        grid: Rows and columns of tokens.
        patch: Side of a patch.
        class_token: Whether a class token stands in the middle.
        padded: Whether windows are padded with zero tokens (else cut).
        whole_flips: Whether what is walked backwards flips the class token, too, as in Vim.
        mean: Whether branches are averaged, as in Vim (else added up).
        wrong_v: Whether v and v_flip come back by the order of v in the place of its inverse, as in LocalMamba's code.
        attention: "channel", "channel_spatial" or "none".
        weights: For a supernet, the weights of the branches of each layer.
        drops: Stochastic-depth factors (B,) of the incoming hidden state of each block and of the last norm.
    """

    state: State
    directions: list[list[str]]
    grid: tuple[int, int]
    patch: int = 1
    class_token: bool = False
    padded: bool = False
    whole_flips: bool = False
    mean: bool = False
    wrong_v: bool = False
    attention: str = "channel"
    weights: list[list[float]] | None = None
    drops: list[torch.Tensor] = field(default_factory=list)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        s, cls = self.state, None
        down, right = (grid * self.patch - side for grid, side in zip(self.grid, images.shape[2:], strict=True))
        images = torch.cat([images, images.new_zeros(*images.shape[:3], right)], 3)
        images = torch.cat([images, images.new_zeros(*images.shape[:2], down, images.shape[3])], 2)
        x = F.conv2d(images, s["patch_embed.proj.weight"], s["patch_embed.proj.bias"], stride=self.patch)
        x = x.flatten(2).transpose(1, 2)
        if self.class_token:
            cls = x.shape[1] // 2
            x = torch.cat([x[:, :cls], s["cls_token"].expand(len(x), 1, -1), x[:, cls:]], 1)
        hidden, residual = x + s["pos_embed"], None
        for layer, names in enumerate(self.directions):
            if cls is None:
                hidden = self.rotated(hidden)
                residual = None if residual is None else self.rotated(residual)
            hidden = self.dropped(hidden, layer)
            residual = hidden if residual is None else residual + hidden
            normed = rms(residual) * s[f"layers.{layer}.norm.weight"]
            hidden = self.mixer(f"layers.{layer}.mixer.", layer, names, normed)
        final = rms(residual + self.dropped(hidden, len(self.directions))) * s["norm_f.weight"]
        pooled = final.mean(1) if cls is None else final[:, cls]
        return pooled @ s["head.weight"].T + s["head.bias"]

    def rotated(self, x: torch.Tensor) -> torch.Tensor:
        """By the grid, or by tables of the state where it holds resized ones."""
        if "resized.cos" not in self.state:
            return rotate(x, self.grid)
        turned = torch.zeros_like(x)
        turned[..., 0::2], turned[..., 1::2] = -x[..., 1::2], x[..., 0::2]
        return x * self.state["resized.cos"] + turned * self.state["resized.sin"]

    def dropped(self, hidden: torch.Tensor, place: int) -> torch.Tensor:
        return hidden * self.drops[place][:, None, None] if self.drops else hidden

    def mixer(self, prefix: str, layer: int, names: list[str], hidden: torch.Tensor) -> torch.Tensor:
        s = self.state
        x, z = (hidden @ s[prefix + "in_proj.weight"].T).chunk(2, -1)
        total = torch.zeros_like(x)
        for i, name in enumerate(names):
            branch = self.attend(prefix, self.branch(prefix, i, name, x, z))
            if self.weights is not None:
                centred = branch - branch.mean(-1, keepdim=True)
                branch = self.weights[layer][i] * centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
            total = total + (branch / len(names) if self.mean else branch)
        return total @ s[prefix + "out_proj.weight"].T

    def branch(self, prefix: str, i: int, name: str, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        s = self.state
        xs, zs = self.reorder(x, name), self.reorder(z, name)
        taps, bias = s[f"{prefix}conv1d_{i}.weight"][:, 0], s[f"{prefix}conv1d_{i}.bias"]
        u = torch.zeros_like(xs)
        for t in range(xs.shape[1]):
            for k in range(taps.shape[1]):
                at = t - (taps.shape[1] - 1) + k
                if at >= 0:
                    u[:, t] = u[:, t] + taps[:, k] * xs[:, at]
        u = F.silu(u + bias)
        A = -s[f"{prefix}A_log_{i}"].exp()
        rank = s[f"{prefix}dt_proj_{i}.weight"].shape[1]
        dt, B, C = (u @ s[f"{prefix}x_proj_{i}.weight"].T).split([rank, A.shape[1], A.shape[1]], -1)
        dt = dt @ s[f"{prefix}dt_proj_{i}.weight"].T + s[f"{prefix}dt_proj_{i}.bias"]
        dt = torch.log1p(dt.exp())
        h, ys = torch.zeros(len(x), *A.shape, dtype=x.dtype), []
        for t in range(u.shape[1]):
            h = (dt[:, t, :, None] * A).exp() * h + dt[:, t, :, None] * B[:, t, None] * u[:, t, :, None]
            ys.append((h * C[:, t, None]).sum(-1) + s[f"{prefix}D_{i}"] * u[:, t])
        return self.back(torch.stack(ys, 1) * zs / (1 + (-zs).exp()), name)

    def attend(self, prefix: str, x: torch.Tensor) -> torch.Tensor:
        if self.attention == "none":
            return x
        s = {k.removeprefix(prefix + "attn."): v for k, v in self.state.items() if k.startswith(prefix + "attn.")}
        normed = F.layer_norm(x, x.shape[-1:], s["norm.weight"], s["norm.bias"])
        reduced = F.gelu(normed.mean(1) @ s["global_reduce.weight"].T + s["global_reduce.bias"])
        channels = torch.sigmoid(reduced @ s["channel_select.weight"].T + s["channel_select.bias"])
        out = x * channels[:, None]
        if self.attention == "channel_spatial":
            local = F.gelu(normed @ s["local_reduce.weight"].T + s["local_reduce.bias"])
            joined = torch.cat([local, reduced[:, None].expand_as(local)], -1)
            out = out * torch.sigmoid(joined @ s["spatial_select.weight"].T + s["spatial_select.bias"])
        return out

    def reorder(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """The tokens in the order of ``name``; the class token is taken out and put back, where it was among the patches."""
        cls = (self.grid[0] * self.grid[1]) // 2
        patches = torch.cat([x[:, :cls], x[:, cls + 1 :]], 1) if self.class_token else x
        zero = torch.zeros_like(x[:, 0])
        flipped = self.whole_flips and name.endswith("_flip")
        walked = name.removesuffix("_flip") if flipped else name
        sequence = [zero if t is None else patches[:, t] for t in visit(walked, *self.grid, self.padded)]
        if self.class_token:
            sequence.insert(cls, x[:, cls])
        return torch.stack(sequence[::-1] if flipped else sequence, 1)

    def back(self, y: torch.Tensor, name: str) -> torch.Tensor:
        cls, steps, token = (self.grid[0] * self.grid[1]) // 2, list(y.unbind(1)), None
        if self.whole_flips and name.endswith("_flip"):
            steps, name = steps[::-1], name.removesuffix("_flip")
        if self.class_token:
            token = steps.pop(cls)
        patches = self.own_places(steps, name)
        if token is not None:
            patches.insert(cls, token)
        return torch.stack(patches, 1)

    def own_places(self, steps: list[torch.Tensor], name: str) -> list[torch.Tensor]:
        height, width = self.grid
        patches = [None] * (height * width)
        if self.wrong_v and name in ("v", "v_flip"):
            steps = steps[::-1] if name == "v_flip" else steps
            for r in range(height):
                for c in range(width):
                    patches[c * height + r] = steps[r * width + c]
            return patches
        for t, step in zip(visit(name, height, width, self.padded), steps, strict=True):
            if t is not None:
                patches[t] = step
        return patches


def visit(name: str, height: int, width: int, padded: bool) -> list[int | None]:
    """Tokens in the order of ``name``; ``None`` is a zero token of a padded window."""
    base = name.removesuffix("_flip")
    if base == "h":
        order = [r * width + c for r in range(height) for c in range(width)]
    elif base == "v":
        order = [r * width + c for c in range(width) for r in range(height)]
    else:
        k, order = int(base[1:]), []
        for top in range(0, height, k):
            for left in range(0, width, k):
                for r in range(top, top + k):
                    for c in range(left, left + k):
                        inside = r < height and c < width
                        if inside or padded:
                            order.append(r * width + c if inside else None)
    return order[::-1] if name.endswith("_flip") else order


def rotate(x: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """The 2-D rotary embedding: channels of the first half turn with the row, of the second with the column."""
    out, half = x.clone(), x.shape[-1] // 2
    for token in range(x.shape[1]):
        for axis, place in enumerate(divmod(token, grid[1])):
            for k in range(half // 2):
                angle = place / grid[axis] * 14 * 10000 ** (-2 * k / half)
                a, b = axis * half + 2 * k, axis * half + 2 * k + 1
                out[:, token, a] = x[:, token, a] * math.cos(angle) - x[:, token, b] * math.sin(angle)
                out[:, token, b] = x[:, token, b] * math.cos(angle) + x[:, token, a] * math.sin(angle)
    return out


def rms(x: torch.Tensor) -> torch.Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
