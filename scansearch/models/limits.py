"""How large a network may be: every number has a bound, so that a mistyped one is an error and not an hour of waiting."""

from __future__ import annotations

from collections.abc import Mapping

from scansearch.errors import ScansearchError

MAX_SIDE = 2**15
MAX_CHANNELS = 2**12
MAX_CLASSES = 10**6
MAX_TOKENS = 2**20
MAX_PARAMETERS = 10**10
OPTIONS: Mapping[str, int] = {
    "patch_size": MAX_SIDE,
    "embed_dim": 2**14,
    "depth": 1000,
    "d_state": 2**10,
    "expand": 64,
    "d_conv": 64,
    "dt_rank": 2**14,
    "reduction": 2**14,
}
"""The most that an integer option of a model takes; the least is 1."""


def check_number(name: str, value: object, most: int) -> None:
    """Checks that ``value`` is an integer from 1 to ``most``; a bool is none.

    Raises:
        ScansearchError: If it is not.
    """
    if type(value) is not int or not 1 <= value <= most:
        raise ScansearchError(f"{name} must be an integer from 1 to {most}, but got {value!r}")


def check_image_size(image_size: object) -> None:
    """Checks (height, width) in pixels.

    Raises:
        ScansearchError: If they are not two integers from 1 to ``MAX_SIDE``.
    """
    if not isinstance(image_size, (tuple, list)) or len(image_size) != 2:
        raise ScansearchError(f"image_size must be one side, or (height, width), in pixels, but got {image_size!r}")
    for side in image_size:
        check_number("a side of image_size", side, MAX_SIDE)


def check_sizes(num_classes: object, image_size: object, in_channels: object) -> None:
    """Checks what a network is built for: classes of the head, (height, width) and channels of the images.

    Raises:
        ScansearchError: Naming the argument, the rule, and the value.
    """
    check_number("num_classes", num_classes, MAX_CLASSES)
    check_image_size(image_size)
    check_number("in_channels", in_channels, MAX_CHANNELS)


def check_tokens(grid: tuple[int, int]) -> None:
    """Checks that a layer's grid has at most ``MAX_TOKENS`` tokens.

    Raises:
        ScansearchError: If it has more.
    """
    if grid[0] * grid[1] > MAX_TOKENS:
        raise ScansearchError(
            f"a layer scans at most {MAX_TOKENS} tokens, but a grid of {grid[0]} x {grid[1]} has {grid[0] * grid[1]}; take a "
            "larger patch_size or smaller images"
        )


def check_parameters(name: str, count: int) -> None:
    """Checks that a network has at most ``MAX_PARAMETERS`` parameters, before memory is asked for them.

    Raises:
        ScansearchError: If it has more.
    """
    if count > MAX_PARAMETERS:
        raise ScansearchError(
            f"a network has at most {MAX_PARAMETERS:.0e} parameters, but {name} would have {count:.1e}; take fewer directions "
            "or layers, or a smaller width"
        )
