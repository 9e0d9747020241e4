"""Search the scan orders of a small U-shaped network that segments handwritten digits.

    python examples/segmentation.py --epochs 3 --out runs/segmentation

The network is an ordinary one: convolutions, two resolutions, a skip connection, and at each resolution a mixer of token
sequences. ``SearchableScan`` runs such a mixer along scan orders, and ``BackboneSpec`` gives the network a name, so that
everything else (the loop, checkpoints, resume, reports) works as it does for LocalVim.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import scansearch
from scansearch.data import DatasetSpec, DenseSplit, Parts
from scansearch.models import BackboneSpec, ImageShape, SearchableScan
from scansearch.registry import DATASETS, MODELS

BACKGROUND = 10


class GatedRecurrence(nn.Module):
    """A mixer of sequences (B, L, D): a GRU, gated, with a residual connection. Any such module will do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.mix = nn.GRU(channels, channels, batch_first=True)
        self.gate = nn.Linear(channels, channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Mixes tokens along the sequence."""
        normed = self.norm(tokens)
        return self.mix(normed)[0] * self.gate(normed).sigmoid()


class SmallUNet(nn.Module):
    """Images (B, C, H, W) to a class for each pixel, (B, classes, H, W)."""

    def __init__(self, num_classes: int, in_channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1)
        self.fine = SearchableScan(lambda: GatedRecurrence(width))
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.coarse = SearchableScan(lambda: GatedRecurrence(2 * width))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.head = nn.Conv2d(2 * width, num_classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Segments images; height and width are even."""
        fine = scanned(self.fine, self.stem(images))
        coarse = scanned(self.coarse, self.down(fine))
        return self.head(torch.cat([fine, self.up(coarse)], dim=1))


def scanned(scan: SearchableScan, features: torch.Tensor) -> torch.Tensor:
    """Features (B, D, H, W) plus what the scan makes of their tokens."""
    height, width = features.shape[2:]
    tokens = features.flatten(2).transpose(1, 2)
    mixed = scan(tokens, grid=(height, width)) + tokens
    return mixed.transpose(1, 2).unflatten(2, (height, width))


def build(shape: ImageShape, width: int = 16) -> nn.Module:
    """Makes the network; ``width`` becomes an option of the model."""
    return SmallUNet(shape.classes, shape.channels, width)


def read(root: object) -> Parts:
    """Digits whose ink is labelled with their class, and the rest as background."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images * 255 / 16).round().to(torch.uint8)[:, None]
    labels = torch.from_numpy(bunch.target).long()
    targets = torch.where(images[:, 0] > 96, labels[:, None, None], BACKGROUND)
    return Parts(DenseSplit(images, labels, targets), (*map(str, range(10)), "background"))


def main() -> None:
    """Searches and prints the genotype."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", default="runs/segmentation")
    arguments = parser.parse_args()
    MODELS.register("small_unet", BackboneSpec("small_unet", "a small U-shaped network", build))
    DATASETS.register("digit_masks", DatasetSpec("digit_masks", "digits and their masks", read, "scikit-learn"))
    genotype = scansearch.search(
        arguments.out, space="default8", model="small_unet", data="digit_masks", epochs=arguments.epochs, limit=400
    )
    for layer in genotype.layers:
        print(f"grid {layer.grid}: {', '.join(layer.directions)}")
    print(f"mean IoU on validation images: {genotype.search['supernet_mean_iou']:.1%}")


if __name__ == "__main__":
    main()
