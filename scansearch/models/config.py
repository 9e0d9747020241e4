"""Options of LocalVim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from scansearch.errors import ScansearchError
from scansearch.models.limits import OPTIONS, check_image_size, check_tokens
from scansearch.ops.backends import check_name
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
        check_name(self.scan_backend)
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
            ScansearchError: If the patch does not divide the image, or the size is not one of an image.
        """
        check_image_size(image_size)
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
        """Rows and columns of tokens for images of (height, width); errors as ``patch``, or for too many tokens."""
        patch = self.patch(image_size)
        grid = image_size[0] // patch, image_size[1] // patch
        check_tokens(grid)
        return grid

    def parameters(self, directions: Sequence[Sequence[str]], image_size: tuple[int, int], in_channels: int) -> int:
        """About how many parameters a network of these directions has: all but norms, attention and the head."""
        one = self.inner * (3 * self.d_state + 2 * self.rank + self.d_conv + 3)
        layer = 3 * self.inner * self.embed_dim
        patch, (height, width) = self.patch(image_size), self.grid(image_size)
        tokens = height * width + in_channels * patch**2
        return sum(layer + len(names) * one for names in directions) + tokens * self.embed_dim


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
        Option(f.name, getattr(config, f.name), _takes(f, hints[f.name]), f.metadata["description"])
        for f in fields(config)
    ]


def _takes(option: Field[Any], hint: Any) -> str:
    most = OPTIONS.get(option.name, 0)
    return takes(hint, option.metadata["limits"]).replace("integer", f"integer 1 to {most}")


def check_option(name: str, value: object, hint: object) -> None:
    """Checks one option against its type: choices, integers from 1 to its bound, numbers, strings.

    Raises:
        ScansearchError: Naming the option, what it takes, and the value.
    """
    parts = get_args(hint) if get_origin(hint) not in (None, Literal) else (hint,)
    choices = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    number = type(value) in (int, float)
    if value in choices or (str in parts and isinstance(value, str)) or (float in parts and number):
        return
    if int in parts and type(value) is int and 1 <= value <= OPTIONS[name]:  # bool is no int here
        return
    takes = [*([f"an integer from 1 to {OPTIONS[name]}"] if int in parts else []), *map(repr, choices)]
    takes += ["a number"] if float in parts else []
    raise ScansearchError(f"model option {name} takes {' or '.join(takes) or 'text'}, but got {value!r}")
