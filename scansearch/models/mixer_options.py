"""Options of scan mixers, which every family that is made of such mixers has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from scansearch.models.model_options import ModelOptions

MAX_RANK = 2**14


class BranchOptions(ModelOptions):
    """What the branches of any mixer need to know of their network."""

    embed_dim: int = Field(192, ge=1, le=2**14, description="Width E of the residual stream.")
    d_state: int = Field(16, ge=1, le=2**10, description="States N of each channel.")
    expand: int = Field(2, ge=1, le=64, description="The mixer's inner width is D = expand * E.")
    dt_rank: Annotated[int, Field(ge=1, le=MAX_RANK)] | Literal["auto"] = Field(
        "auto", description="Rank of the step-size projection. auto: ceil(E / 16)."
    )
    attention: Literal["channel", "channel_spatial", "none"] = Field(
        "channel", description="SCAttn: channel as released, channel_spatial as in the paper, or none."
    )
    reduction: int = Field(8, ge=1, le=2**14, description="SCAttn's reduction r.")
    windows: Literal["cut", "padded"] = Field(
        "cut",
        description="cut: windows end at the edge of the grid. padded: with zero tokens, as LocalMamba's code does.",
    )
    inverses: Literal["exact", "released"] = Field(
        "exact",
        description="exact: what a direction gives goes back to its tokens. released: on grids that are not square, v and v_flip put it "
        "where LocalMamba's code does, which its released detection weights were trained with.",
    )
    mixture: Literal["auto", "keep", "recompute", "streamed"] = Field(
        "auto",
        description="keep: all selected directions of a layer run in one grouped call and are kept for the backward pass. "
        "recompute: they are added up in chunks and computed again, in memory that does not grow with their number. streamed: "
        "the same, one at a time: the least memory. auto: keep up to 16, recompute more.",
    )
    scan_backend: str = Field(
        "auto", description="Backend of the selective scan: auto, or one that `scansearch doctor` names."
    )

    @field_validator("scan_backend")
    @classmethod
    def _known_backend(cls, name: str) -> str:
        from scansearch.ops.backends import check_name  # operations need torch; listing these options does not

        check_name(name)
        return name

    def inner_of(self, width: int) -> int:
        """Channels D of a branch where the network is so wide."""
        return self.expand * width

    def rank_of(self, width: int) -> int:
        """Rank R of the step-size projection where the network is so wide."""
        return -(-width // 16) if self.dt_rank == "auto" else self.dt_rank

    def attention_parameters(self, inner: int) -> int:
        """How many parameters SCAttn has for so many channels D."""
        if self.attention == "none":
            return 0
        reduced = max(1, inner // self.reduction)
        channel = 2 * inner + (inner + 1) * reduced + (reduced + 1) * inner  # norm, to r and back
        spatial = (inner + 1) * reduced + 2 * reduced + 1
        return channel + (spatial if self.attention == "channel_spatial" else 0)


class MixerOptions(BranchOptions):
    """What a ``ScanMixer`` needs to know of its network."""

    depth: int = Field(20, ge=1, le=1000, description="Number of layers.")
    d_conv: int = Field(4, ge=1, le=64, description="Taps of the causal convolution.")
    class_token: Literal["none", "middle"] = Field(
        "none",
        description="none: the tokens are averaged. middle: a class token in the middle is read (no rotary then).",
    )
    flips: Literal["patches", "sequence"] = Field(
        "patches",
        description="patches: directions that are walked backwards leave the class token in the middle, as in LocalVim. sequence: they "
        "flip the whole sequence with its class token, as in Vim.",
    )
    merge: Literal["sum", "mean"] = Field(
        "sum",
        description="What a derived network makes of a layer's directions: their sum, as LocalVim, or their mean, as Vim of its two.",
    )

    @property
    def inner(self) -> int:
        """Channels D of a branch."""
        return self.inner_of(self.embed_dim)

    @property
    def rank(self) -> int:
        """Rank R of the step-size projection."""
        return self.rank_of(self.embed_dim)
