"""Search the scan orders of a classifier made of plain Mamba blocks, in a few lines.

    python examples/mamba_block.py

The classifier knows nothing of scansearch but the selective scan. ``make_searchable`` exchanges each Mamba block for one
that runs along the candidates of a space; the rest here is an ordinary training loop, to show what a strategy does.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn
from torch.nn import functional as F

import scansearch
from scansearch.models import Selection
from scansearch.ops import selective_scan


class MambaBlock(nn.Module):
    """A plain Mamba block (Gu and Dao, arXiv 2312.00752): (B, L, E) to (B, L, E)."""

    def __init__(self, channels: int, states: int = 8) -> None:
        super().__init__()
        inner = 2 * channels
        self.in_proj = nn.Linear(channels, 2 * inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, 4, padding=3, groups=inner)
        self.x_proj = nn.Linear(inner, inner + 2 * states, bias=False)
        self.A_log = nn.Parameter(torch.arange(1, states + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, channels, bias=False)
        self.inner, self.states = inner, states

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Mixes tokens along the sequence."""
        x, z = self.in_proj(tokens).transpose(1, 2).chunk(2, dim=1)  # (B, D, L)
        x = F.silu(self.conv(x)[..., : x.shape[-1]])
        delta, B, C = (
            self.x_proj(x.transpose(1, 2)).transpose(1, 2).split([self.inner, self.states, self.states], dim=1)
        )
        y = selective_scan(x, delta, -self.A_log.exp(), B[:, None], C[:, None], self.D, z=z)
        return self.out_proj(y.transpose(1, 2))


class Classifier(nn.Module):
    """Images (B, 1, H, W) to logits (B, 10): a token a pixel, and Mamba blocks with residual connections."""

    def __init__(self, channels: int = 16, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, channels, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(depth))
        self.blocks = nn.ModuleList(MambaBlock(channels) for _ in range(depth))
        self.head = nn.Linear(channels, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classifies images."""
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            tokens = tokens + block(norm(tokens))
        return self.head(tokens.mean(1))


def main() -> None:
    """Trains weights and alpha together and prints what each layer keeps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    epochs = parser.parse_args().epochs
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    bunch = load_digits()
    images, labels = torch.from_numpy(bunch.images).float()[:600, None] / 16, torch.from_numpy(bunch.target)[:600]
    supernet = scansearch.make_searchable(Classifier(), "global4", layers=MambaBlock, example=images[:1])
    alphas = supernet.architecture_parameters()
    optimizer = torch.optim.AdamW(supernet.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            selections = [Selection(tuple(range(len(a))), a.flatten().softmax(0)) for a in alphas]
            loss = F.cross_entropy(supernet(images[batch], selections), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
    kept = [
        [names[i] for i in a.flatten().topk(2).indices] for names, a in zip(supernet.candidates, alphas, strict=True)
    ]
    network = supernet.derive(kept)
    print(
        f"each layer keeps: {kept}; the derived network has {sum(p.numel() for p in network.parameters()):,} parameters"
    )


if __name__ == "__main__":
    main()
