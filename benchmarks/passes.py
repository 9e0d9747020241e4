"""What a step of a LocalVim supernet does to memory, pass by pass, as arithmetic on shapes: nothing here runs.

A pass reads tensors from memory, computes, and writes tensors. Everything is counted in floats (float32: four bytes) of one GPU's
batch. What one pass reads twice counts once; what another pass has just written counts as read from memory. Weights of the layer are
small and left out, but for the optimiser's pass over them. So are element-wise additions and multiplications: they never take as long
as their bytes. What counts as arithmetic are convolutions, matrix products and the recurrence of the scan; a multiply-add, or an
addition or multiplication alone, counts one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scansearch.models.model_spec import ModelSpec
from scansearch.shape import ImageShape

BYTES = 4
"""Of a float32."""


@dataclass(frozen=True)
class Layer:
    """Sizes of a layer of a supernet; B images, L tokens, width E, D = 2 E channels, N states, R the rank of the step sizes.

    Args:
        names: Its G directions.
        batch: Images B on one GPU.
        tokens: Tokens L of an image; a direction visits each once.
        width: E.
        inner: D.
        states: N.
        rank: R.
        taps: Taps of the convolution.
    """

    names: tuple[str, ...]
    batch: int
    tokens: int
    width: int
    inner: int
    states: int
    rank: int
    taps: int

    @property
    def directions(self) -> int:
        """G."""
        return len(self.names)

    @property
    def rows(self) -> int:
        """Floats of one number a token: B L."""
        return self.batch * self.tokens

    @property
    def narrow(self) -> int:
        """Floats of a hidden state: B L E."""
        return self.rows * self.width

    @property
    def plane(self) -> int:
        """Floats of what one direction works on: B L D."""
        return self.rows * self.inner

    @property
    def maps(self) -> int:
        """Floats of B, or of C, of one direction: B L N."""
        return self.rows * self.states

    @property
    def steps(self) -> int:
        """Floats of a direction's step sizes before they are mapped to all channels: B L R."""
        return self.rows * self.rank

    @property
    def projected(self) -> int:
        """Floats of step sizes, B and C of one direction: B L (R + 2 N)."""
        return self.steps + 2 * self.maps

    @property
    def state(self) -> int:
        """Floats of the state of one direction at one moment: B D N."""
        return self.batch * self.inner * self.states


def layers_of(spec: ModelSpec, names: Sequence[str], shape: ImageShape, batch: int) -> list[Layer]:
    """The layers of a supernet of LocalVim, all with the same candidates."""
    options: Any = spec.options
    sizes = (options.embed_dim, options.inner, options.d_state, options.rank, options.d_conv)
    return [Layer(tuple(names), batch, info.grid[0] * info.grid[1], *sizes) for info in spec.layers(shape)]


class Pass(NamedTuple):
    """One pass over memory.

    Args:
        name: What it does.
        read: Floats read.
        written: Floats written.
        exponentials: Exponentials computed.
        multiply_adds: Multiply-adds, in matrix products, convolution and recurrence.
    """

    name: str
    read: float
    written: float
    exponentials: float = 0
    multiply_adds: float = 0

    @property
    def moved(self) -> float:
        """Bytes read and written."""
        return BYTES * (self.read + self.written)


class Form(NamedTuple):
    """A layer of one implementation, forward and backward.

    Args:
        passes: All passes of a step.
        kept: Floats that wait for the backward pass from the end of the forward pass on, by what they are.
        chunk: Floats that wait while one chunk is computed again; 0 where nothing is.
        chunks: How many such chunks there are.
    """

    passes: list[Pass]
    kept: dict[str, float]
    chunk: float = 0
    chunks: int = 0


def around(s: Layer) -> list[Pass]:
    """What surrounds the branches in every implementation, each as a single pass, though most take more.

    Rotary embedding of hidden state and residual, stochastic depth with residual sum and RMSNorm, and both linear maps::

        in_proj   B L E -> B L 2D      forward 2 E D B L multiply-adds, backward twice as many
        out_proj  B L D -> B L E       forward E D B L, likewise
    """
    e, p = s.narrow, s.plane
    return [
        Pass("rotary embedding", 2 * e, 2 * e),
        Pass("residual sum, RMSNorm", 2 * e, 2 * e),
        Pass("in_proj", e, 2 * p, multiply_adds=2 * s.width * p),
        Pass("out_proj", p, e, multiply_adds=s.width * p),
        Pass("rotary embedding, backward", 2 * e, 2 * e),
        Pass("residual sum, RMSNorm, backward", 3 * e, 2 * e),
        Pass("in_proj, backward: input", 2 * p, e, multiply_adds=2 * s.width * p),
        Pass("in_proj, backward: weight", 2 * p + e, 0, multiply_adds=2 * s.width * p),
        Pass("out_proj, backward: input", e, p, multiply_adds=s.width * p),
        Pass("out_proj, backward: weight", e + p, 0, multiply_adds=s.width * p),
    ]


def kept_around(s: Layer) -> dict[str, float]:
    """What waits for the backward pass around the branches: inputs of RMSNorm, in_proj and out_proj, and the norm's scale a token."""
    return {"residual, normalised, mixed": 2 * s.narrow + s.plane + s.rows}


def ends(images: int, s: Layer, parameters: int) -> list[Pass]:
    """Before the first and after the last layer: patches of so many floats, both ways, and AdamW.

    AdamW reads weight, gradient and two moments and writes three of them; before, the gradient was written once.
    """
    products = images * s.width
    return [
        Pass("patches", images, s.narrow, multiply_adds=products),
        Pass("patches, backward", images + s.narrow, 0, multiply_adds=products),
        Pass("AdamW", 4 * parameters, 4 * parameters),
    ]
