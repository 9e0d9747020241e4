"""Options of LocalVim, and what follows from them for images of some size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from scansearch.errors import ScansearchError
from scansearch.models.dense_size import dense_parameters
from scansearch.models.mixer_options import MixerOptions
from scansearch.models.size_limits import check_tokens
from scansearch.shape import MAX_SIDE, ImageShape, Size

MAX_AUTO_TOKENS = 256


class LocalVimOptions(MixerOptions):
    """Every option of a LocalVim."""

    embed_dim: int = Field(192, ge=1, le=2**14, description="Width E of the residual stream; a multiple of 4.")
    patch_size: Annotated[int, Field(ge=1, le=MAX_SIDE)] | Literal["auto"] = Field(
        "auto",
        description="Pixels of a patch's side. auto: the smallest that divides the image and gives at most 256 tokens.",
    )
    partial_patches: Literal["refused", "padded"] = Field(
        "refused",
        description="refused: the patch size must divide the images. padded: zeros fill them up on the right and at the bottom, as "
        "LocalVim's code does.",
    )
    drop_path: float = Field(0.0, ge=0, lt=1, description="Largest stochastic-depth rate.")
    init: Literal["mamba", "released", "vim"] = Field(
        "mamba",
        description="mamba: Mamba's initial weights, step sizes log-uniform in [1e-3, 0.1]. released: as LocalVim's code ends up, all "
        "linear maps normal with 0.02 but out_proj, which is drawn last, and their biases 0, which makes step sizes 0.69. vim: as Vim's "
        "code ends up, as mamba but patches normal, the class token with 0.02, and step sizes of directions walked backwards 0.69.",
    )
    decay_positions: bool = Field(
        True,
        description="Whether weight decay acts on the position embedding and the class token; in LocalVim's code it does not.",
    )

    @field_validator("embed_dim")
    @classmethod
    def _of_four(cls, width: int) -> int:
        if width % 4:
            raise ScansearchError(f"embed_dim must be a multiple of 4 (the rotary embedding needs it), but got {width}")
        return width

    def patch(self, size: Size) -> int:
        """Side of a patch for images of (height, width).

        Raises:
            ScansearchError: If the patch does not divide the image, and partial patches are refused.
        """
        height, width = size
        if self.patch_size == "auto":
            return _smallest_patch(height, width)
        if self.partial_patches == "refused" and (height % self.patch_size or width % self.patch_size):
            common = _common_divisors(height, width)
            raise ScansearchError(
                f"the patch size must divide the image, but {self.patch_size} does not divide {height} x {width}; choose "
                f"a patch_size of {', '.join(map(str, common))}, another image_size, or partial_patches=padded"
            )
        return self.patch_size

    def grid(self, size: Size) -> Size:
        """Rows and columns of tokens for images of (height, width); errors as ``patch``, or for too many tokens."""
        patch = self.patch(size)
        grid = -(-size[0] // patch), -(-size[1] // patch)
        check_tokens(grid)
        return grid

    def parameters(self, directions: Sequence[Sequence[str]], shape: ImageShape) -> int:
        """How many parameters a network of these directions has."""
        width, (rows, columns) = self.embed_dim, self.grid(shape.size)
        class_token = 2 * int(self.class_token == "middle")  # itself and its place
        embedding = shape.channels * self.patch(shape.size) ** 2 + 1 + rows * columns + class_token
        layer = 3 * self.inner * width + width + self.attention_parameters(self.inner)  # in_proj, out_proj, norm
        one = self.inner * (3 * self.d_state + 2 * self.rank + self.d_conv + 3)
        last = dense_parameters([width], shape) if shape.dense else (width + 1) * shape.classes
        head = width + last  # with the last norm
        return embedding * width + sum(layer + len(names) * one for names in directions) + head


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
