"""Options of LocalVim."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from scansearch.errors import ScansearchError
from scansearch.options import Option, takes

MAX_AUTO_TOKENS = 256


def _option(default: Any, description: str, **limits: float) -> Any:
    return field(default=default, metadata={"description": description, "limits": [SimpleNamespace(**limits)]})


@dataclass(frozen=True)
class LocalVimConfig:
    """Every option of a LocalVim; ``options_of`` tells what each is."""

    patch_size: int | Literal["auto"] = _option(
        "auto", "Pixels of a patch's side. auto: the smallest that divides the image and gives at most 256 tokens."
    )
    embed_dim: int = _option(192, "Width E of the residual stream; a multiple of 4.")
    depth: int = _option(20, "Number of layers.")
    d_state: int = _option(16, "States N of each channel.")
    expand: int = _option(2, "The mixer's inner width is D = expand * E.")
    d_conv: int = _option(4, "Taps of the causal convolution.")
    dt_rank: int | Literal["auto"] = _option("auto", "Rank of the step-size projection. auto: ceil(E / 16).")
    attention: Literal["channel", "channel_spatial", "none"] = _option(
        "channel", "SCAttn: channel as released, channel_spatial as in the paper, or none."
    )
    reduction: int = _option(8, "SCAttn's reduction r.")
    class_token: Literal["none", "middle"] = _option(
        "none", "none: the tokens are averaged. middle: a class token in the middle is read (no rotary then)."
    )
    drop_path: float = _option(0.0, "Largest stochastic-depth rate.", ge=0, lt=1)
    dt_init: Literal["mamba", "released"] = _option(
        "mamba",
        "mamba: step sizes start log-uniform in [1e-3, 0.1]. released: as in LocalVim's code, where a later pass over all linear "
        "layers resets them to softplus(0) = 0.69.",
    )
    windows: Literal["cut", "padded"] = _option(
        "cut", "cut: windows end at the edge of the grid. padded: with zero tokens, as LocalMamba's code does."
    )
    mixture: Literal["auto", "keep", "recompute"] = _option(
        "auto",
        "keep: all selected directions of a layer run in one grouped call and are kept for the backward pass. recompute: they are "
        "added up in chunks and computed again, in memory that does not grow with their number. auto: keep up to 16, "
        "recompute more.",
    )
    scan_backend: str = _option("auto", "Backend of the selective scan: auto, or one that `scansearch doctor` names.")

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


def options_of(config: LocalVimConfig) -> list[Option]:
    """The options, with the values in ``config`` as defaults."""
    hints = get_type_hints(LocalVimConfig)
    return [
        Option(f.name, getattr(config, f.name), _takes(hints[f.name], f.metadata["limits"]), f.metadata["description"])
        for f in fields(config)
    ]


def _takes(hint: Any, limits: Any) -> str:
    return takes(hint, limits).replace("integer", "integer >= 1")


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
        return
    takes = [*(["an integer of at least 1"] if int in parts else []), *map(repr, choices)]
    takes += ["a number"] if float in parts else []
    raise ScansearchError(f"model option {name} takes {' or '.join(takes) or 'text'}, but got {value!r}")
