"""Options of LocalVim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from scansearch.errors import ScansearchError

MAX_AUTO_TOKENS = 256
MAX_DEPTH = 1000
MAX_OPTION = 65_536


@dataclass(frozen=True)
class LocalVimConfig:
    """Every option of a LocalVim.

    Args:
        patch_size: Pixels of a patch's side; ``"auto"`` takes the smallest that divides the image and gives at most 256
            tokens.
        embed_dim: Width E of the residual stream; a multiple of 4.
        depth: Number of layers.
        d_state: States N of each channel.
        expand: The mixer's inner width is D = expand * E.
        d_conv: Taps of the causal convolution.
        dt_rank: Rank of the step-size projection; ``"auto"`` is ceil(E / 16).
        attention: SCAttn: ``"channel"`` as released, ``"channel_spatial"`` as in the paper, or ``"none"``.
        reduction: SCAttn's reduction r.
        class_token: ``"none"`` averages the tokens; ``"middle"`` reads a class token in the middle (no rotary then).
        drop_path: Largest stochastic-depth rate.
        dt_init: ``"mamba"`` starts step sizes log-uniform in [1e-3, 0.1]; ``"released"`` as LocalVim's code does, where a
            later pass over all linear layers resets them to softplus(0) = 0.69.
        windows: ``"cut"`` at the edge of the grid, or ``"padded"`` with zero tokens as LocalMamba's code does.
        mixture: ``"keep"`` runs all selected directions of a layer in one grouped call and keeps them for the backward pass;
            ``"recompute"`` adds them up in chunks and computes each again, in memory that does not grow with their
            number; ``"auto"`` keeps up to 16 and recomputes more.
        scan_backend: Backend of the selective scan.
    """

    patch_size: int | Literal["auto"] = "auto"
    embed_dim: int = 192
    depth: int = 20
    d_state: int = 16
    expand: int = 2
    d_conv: int = 4
    dt_rank: int | Literal["auto"] = "auto"
    attention: Literal["channel", "channel_spatial", "none"] = "channel"
    reduction: int = 8
    class_token: Literal["none", "middle"] = "none"
    drop_path: float = 0.0
    dt_init: Literal["mamba", "released"] = "mamba"
    windows: Literal["cut", "padded"] = "cut"
    mixture: Literal["auto", "keep", "recompute"] = "auto"
    scan_backend: str = "auto"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(LocalVimConfig).items():
            check_option(name, getattr(self, name), hint)
        if self.embed_dim % 4:
            raise ScansearchError(
                f"embed_dim must be a multiple of 4 (the rotary embedding needs it), but got {self.embed_dim}"
            )
        if not 0 <= self.drop_path < 1:
            raise ScansearchError(f"0 <= drop_path < 1 must hold, but got {self.drop_path}")

    @property
    def inner(self) -> int:
        """Channels D of a branch."""
        return self.expand * self.embed_dim

    @property
    def rank(self) -> int:
        """Rank R of the step-size projection."""
        return -(-self.embed_dim // 16) if self.dt_rank == "auto" else self.dt_rank

    def patch(self, image_size: tuple[int, int]) -> int:
        """Side of a patch for images of (height, width).

        Raises:
            ScansearchError: If the patch does not divide the image.
        """
        height, width = image_size
        if self.patch_size == "auto":
            return _smallest_patch(height, width)
        if height % self.patch_size or width % self.patch_size:
            common = _common_divisors(height, width)
            raise ScansearchError(
                f"the patch size must divide the image, but {self.patch_size} does not divide {height} x {width}; choose "
                f"a patch_size of {', '.join(map(str, common))}, or another image_size"
            )
        return self.patch_size

    def grid(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of tokens for images of (height, width)."""
        patch = self.patch(image_size)
        return image_size[0] // patch, image_size[1] // patch


def _common_divisors(height: int, width: int) -> list[int]:
    return [p for p in range(1, min(height, width) + 1) if height % p == 0 and width % p == 0]


def _smallest_patch(height: int, width: int) -> int:
    fits = [p for p in _common_divisors(height, width) if height * width <= MAX_AUTO_TOKENS * p * p]
    if not fits:
        raise ScansearchError(
            f"patch_size=auto needs a patch that cuts the image into at most {MAX_AUTO_TOKENS} tokens, but none divides "
            f"{height} x {width}; choose another image_size"
        )
    return fits[0]


def check_option(name: str, value: object, hint: object) -> None:
    """Checks one option against its type: choices, positive integers, numbers, strings.

    Raises:
        ScansearchError: Naming the option, what it takes, and the value.
    """
    parts = get_args(hint) if get_origin(hint) not in (None, Literal) else (hint,)
    choices = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    number = type(value) in (int, float)
    if value in choices or (str in parts and isinstance(value, str)) or (float in parts and number):
        return
    if int in parts and type(value) is int and value >= 1:  # bool is no int here
        most = MAX_DEPTH if name == "depth" else MAX_OPTION
        if value > most:
            raise ScansearchError(f"model option {name} is at most {most:,}, but got {value!r}; make it smaller")
        return
    takes = [*(["an integer of at least 1"] if int in parts else []), *map(repr, choices)]
    takes += ["a number"] if float in parts else []
    raise ScansearchError(f"model option {name} takes {' or '.join(takes) or 'text'}, but got {value!r}")
