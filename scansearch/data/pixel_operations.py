"""What RandAugment and colour jitter do to images of bytes, as Pillow does it, an argument an image.

All take images, uint8 (B, C, H, W), and arguments, float64 (B,) on the CPU; ``fill`` are the grey levels, (C,), of what comes in from
outside. They return images of the same shape. Where an operation needs the grey of a colour, that of three channels is Pillow's
(ITU-R 601-2), and that of any other number of channels their mean.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from scansearch.data.warp import Span, project, resample, taps_of

Operation = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
LUMA = (19595, 38470, 7471)  # of 65536


def auto_contrast(images: torch.Tensor, argument: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Stretches each channel to 0 to 255; one of a single level stays."""
    low, high = (found.int() for found in (images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)))
    stretched = (images.int() - low) * 255 // (high - low).clamp(min=1)
    return torch.where(high > low, stretched, low).to(torch.uint8)


def equalize(images: torch.Tensor, argument: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Makes the grey levels of each channel equally frequent."""
    pixels = images.flatten(2)
    ordered, levels = pixels.sort(dim=2).values.int(), torch.arange(256, dtype=torch.int32, device=images.device)
    below = torch.searchsorted(ordered, levels.expand(*ordered.shape[:2], 256).contiguous())
    step = below.gather(2, ordered[..., -1:].long()) // 255  # (B, C, 1), of the pixels below the brightest level
    table = torch.where(step > 0, (step // 2 + below) // step.clamp(min=1), levels).clamp(max=255)
    return table.gather(2, pixels.long()).view_as(images).to(torch.uint8)


def invert(images: torch.Tensor, argument: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Bright becomes dark."""
    return 255 - images


def posterize(images: torch.Tensor, bits: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Keeps the highest bits."""
    return images & (256 - 2 ** (8 - _placed(bits.clamp(0, 8), images))).to(torch.uint8)


def solarize(images: torch.Tensor, threshold: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Inverts what is not below a threshold."""
    return torch.where(images < _placed(threshold, images), images, 255 - images)


def solarize_add(images: torch.Tensor, more: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Makes what is below 128 brighter."""
    brighter = (images.int() + _placed(more, images).int()).clamp(max=255)
    return torch.where(images < 128, brighter, images.int()).to(torch.uint8)


def brightness(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """From black (0) over the image (1) on to brighter."""
    return _blend(torch.zeros_like(images), images, factor)


def contrast(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """From its mean grey (0) over the image (1) on to more contrast."""
    grey, count = _grey(images).sum((1, 2, 3), keepdim=True), images.shape[2] * images.shape[3]
    return _blend((2 * grey + count) // (2 * count), images, factor)


def color(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """From grey (0) over the image (1) on to more colour; an image of one channel stays."""
    return _blend(_grey(images), images, factor)


def sharpness(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """From smoothed (0) over the image (1) on to sharper."""
    x, smooth = images.int(), images.int()
    rows, columns = (max(0, size - 2) for size in images.shape[2:])
    around = sum(x[..., i : i + rows, j : j + columns] for i in range(3) for j in range(3))
    smooth[..., 1:-1, 1:-1] = (2 * (around + 4 * x[..., 1:-1, 1:-1]) + 13) // 26
    return _blend(smooth, images, factor)


def _blend(start: torch.Tensor, images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    start, share = start.float(), _placed(factor, images)
    return (start + share * (images.float() - start)).clamp(0, 255).to(torch.uint8)


def _grey(images: torch.Tensor) -> torch.Tensor:
    """int64 (B, 1, H, W)."""
    wide, channels = images.long(), images.shape[1]
    if channels == 3:
        weights = torch.tensor(LUMA, device=images.device)[:, None, None]
        return ((wide * weights).sum(1, keepdim=True) + 0x8000) >> 16
    return (2 * wide.sum(1, keepdim=True) + channels) // (2 * channels)


def _placed(argument: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """float32 (B, 1, 1, 1) on the images' device."""
    return argument.float().to(images.device)[:, None, None, None]


def rotate(images: torch.Tensor, degrees: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Turns about the middle, counter-clockwise."""
    angle, one, none = torch.deg2rad(degrees), torch.ones_like(degrees), torch.zeros_like(degrees)
    cos, sin = angle.cos(), angle.sin()
    x, y = images.shape[3] / 2, images.shape[2] / 2
    rows = [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, none, none, one]
    return project(images, torch.stack(rows, 1).view(-1, 3, 3), fill)


def shear_x(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Shifts rows, in proportion to how far down they are."""
    return project(images, _one_more(0, 1, factor), fill)


def shear_y(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Shifts columns, in proportion to how far right they are."""
    return project(images, _one_more(1, 0, factor), fill)


def translate_x(images: torch.Tensor, share: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Shifts to the left, by a share of the width."""
    return project(images, _one_more(0, 2, share * images.shape[3]), fill)


def translate_y(images: torch.Tensor, share: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Shifts upwards, by a share of the height."""
    return project(images, _one_more(1, 2, share * images.shape[2]), fill)


def _one_more(row: int, column: int, values: torch.Tensor) -> torch.Tensor:
    maps = torch.eye(3, dtype=torch.float64).repeat(len(values), 1, 1)
    maps[:, row, column] += values
    return maps


def skew(images: torch.Tensor, share: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Moves each corner along an edge, by a share of the longer side: an oblique view, with black around (LocalMamba's code)."""
    height, width = images.shape[2:]
    amount = (share * max(height, width)).ceil()
    fixed = torch.tensor([[0, 0], [width, 0], [width, height], [0, height]], dtype=torch.float64)
    turned = fixed + amount[:, None, None] * torch.tensor([[-1, 0], [0, -1], [1, 0], [0, 1]])
    return project(images, _between(turned, fixed), torch.zeros_like(fill))


def _between(corners: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The projective maps (B, 3, 3) from four corners (B, 4, 2) to four others (4, 2)."""
    flat = torch.cat([corners, torch.ones_like(corners[..., :1])], 2)
    none = torch.zeros_like(flat)
    first = torch.cat([flat, none, -others[:, :1] * corners], 2)
    second = torch.cat([none, flat, -others[:, 1:] * corners], 2)
    # Corners on one line have no such map; the pseudo-inverse then shows something, where an inverse would raise.
    found = torch.linalg.pinv(torch.stack([first, second], 2).flatten(1, 2)) @ others.flatten()
    return torch.cat([found, torch.ones_like(found[:, :1])], 1).view(-1, 3, 3)


def zoom(images: torch.Tensor, factor: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Scales down about the middle, with black around (LocalMamba's code)."""
    sizes = [(size, (size * factor).round().clamp(min=1)) for size in images.shape[2:]]
    taps = max(taps_of(size / float(small.min())) for size, small in sizes)
    (rows, seen), (columns, also) = (_shrunk(size, small.float().to(images.device)[:, None]) for size, small in sizes)
    return resample(images, rows, columns, taps) * (seen[:, None, :, None] & also[:, None, None, :])


def _shrunk(size: int, small: torch.Tensor) -> tuple[Span, torch.Tensor]:
    """How an axis is scaled down to ``small`` pixels (B, 1) in its middle, and which of its places these are, bool (B, size)."""
    place = torch.arange(size, device=small.device) + ((small - size) / 2).floor()
    scale, none = size / small, torch.zeros_like(small, dtype=torch.long)
    return Span((place + 0.5) * scale, scale, none, none + size), (place >= 0) & (place < small)


def blur(images: torch.Tensor, radius: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """A Gaussian of a radius below 1.4 pixels, as three box filters of three pixels along each axis."""
    variance = radius.square() / 3
    box = variance / (2 * (1 - variance))  # how much of the neighbours counts, the pixel itself being 1
    side = _placed(box / (2 * box + 1), images)
    x = images.float()
    for dim in (3, 2):
        for _ in range(3):
            x = ((1 - 2 * side) * x + side * _neighbours(x, dim) + 0.5).floor()
    return x.to(torch.uint8)


def _neighbours(x: torch.Tensor, dim: int) -> torch.Tensor:
    place = torch.arange(x.shape[dim], device=x.device)
    before, after = (place - 1).clamp(min=0), (place + 1).clamp(max=x.shape[dim] - 1)
    return x.index_select(dim, before) + x.index_select(dim, after)
