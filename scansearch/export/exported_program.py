"""A network as a program of ``torch.export``, for any number of images; exporter ``torch_export``.

What is written calls PyTorch's own operators alone: whoever loads it needs nothing of this package.
"""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork, known_shape
from scansearch.export.exporter import Exporter
from scansearch.files import write_bytes
from scansearch.lazy import torch
from scansearch.models.genotype_fit import check_genotype

if TYPE_CHECKING:
    from torch import Tensor
    from torch._ops import OpOverload
    from torch.export import ExportedProgram

MOST_IMAGES = 2**16


def recorded(network: DerivedNetwork) -> ExportedProgram:
    """The network in evaluation mode: images (B, C, H, W) to logits (B, classes), for any B; scans call ``scan_operator``.

    Raises:
        ScansearchError: If it cannot be built, or calls another operator that only this package has.
    """
    shape = known_shape(network)
    # The vectorised backend calls one operator of this package, others call kernels of their own.
    known = type(network.spec.options).model_fields
    built = network.build(**({"scan_backend": "torch"} if "scan_backend" in known else {})).requires_grad_(False)
    example = torch.zeros(2, shape.channels, shape.height, shape.width)
    batch = torch.export.Dim("batch", min=1, max=MOST_IMAGES)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch, about itself
        program = torch.export.export(built, (example,), dynamic_shapes=({0: batch},), strict=False)
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"} - {str(scan_operator())}
    if foreign := sorted(call for call in calls if call.startswith("scansearch")):
        raise UnsupportedError(
            f"{network.spec.name} cannot leave this package: it calls {', '.join(foreign)}, which only this package has; "
            "export --to plain, or build it with scansearch.build"
        )
    return program


def scan_operator() -> OpOverload:
    """The scan of the vectorised backend: (u, delta, A, B, C, keep) to (y, what is kept), of which ``scan_in_blocks`` tells."""
    from scansearch.ops.backends.torch import STEPS

    return STEPS.run


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes ``NAME.pt2``; errors as ``recorded``, and if there are no weights."""
    check_weights(network)
    path, buffer = folder / f"{network.name}.pt2", io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = recorded(network).run_decompositions({scan_operator(): scan_in_blocks})
        for node in program.graph.nodes:
            node.meta.pop("from_node", None)  # where a node came from, by addresses in memory: other bytes every time
        torch.export.save(program, buffer)
    write_bytes(path, buffer.getvalue())
    return [path]


def check_weights(network: DerivedNetwork) -> None:
    """Checks that a network can be built, and has weights: what computes logits is of no use without.

    Raises:
        ScansearchError: If not.
    """
    shape, spec = known_shape(network), network.spec
    check_genotype(network.genotype, spec, shape)
    if network.weights is None:
        raise UnsupportedError(
            "this form holds trained weights, and there are none: train the network (`scansearch train --genotype GENOTYPE`) and export "
            "the folder of that run, or add --untrained for initial ones"
        )


def applies(network: DerivedNetwork) -> str | None:
    """Why a network cannot be written, or ``None``."""
    try:
        check_weights(network)
    except ScansearchError as error:
        return str(error)
    return None


def scan_in_blocks(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, keep: bool) -> tuple[Tensor, Tensor]:
    """The scan in about 2 sqrt(L) steps: all blocks of sqrt(L) tokens at once, then the states from block to block.

    Within a block, the state that came in has decayed by exp(A * (sum of the step sizes so far)).

    Args:
        u: (G, B, L, D).
        delta: Step sizes (G, B, L, D).
        A: (G, D, N).
        B: (G, B, L, N).
        C: (G, B, L, N).
        keep: Whether a backward pass follows; there is none here.

    Returns:
        y (G, B, L, D), and nothing for a backward pass.
    """
    length = u.shape[2]
    steps = math.isqrt(max(length - 1, 0)) + 1
    blocks = max(1, -(-length // steps))
    u, delta, B, C = (_in_blocks(t, blocks, steps) for t in (u, delta, B, C))
    A = A[:, None, None]
    inflow, since = delta * u, delta.cumsum(3)
    state, outputs = torch.zeros_like(_outer(u[:, :, :, 0], B[:, :, :, 0])), []
    for t in range(steps):
        state = torch.exp(delta[:, :, :, t, :, None] * A) * state + _outer(inflow[:, :, :, t], B[:, :, :, t])
        outputs.append(_read(state, C[:, :, :, t]))
    incoming = [torch.zeros_like(state[:, :, 0])]
    for k in range(blocks - 1):
        decay = torch.exp(since[:, :, k, -1, :, None] * A[:, :, 0])
        incoming.append(decay * incoming[-1] + state[:, :, k])
    carried = torch.stack(incoming, 2)  # (G, B, blocks, D, N)
    for t in range(steps):
        outputs[t] = outputs[t] + _read(torch.exp(since[:, :, :, t, :, None] * A) * carried, C[:, :, :, t])
    return torch.stack(outputs, 3).flatten(2, 3)[:, :, :length], u.new_empty(0)


def _in_blocks(x: Tensor, blocks: int, steps: int) -> Tensor:
    """(G, B, L, ...) as (G, B, blocks, steps, ...); steps of size 0 at the end change no state."""
    return torch.nn.functional.pad(x, (0, 0, 0, blocks * steps - x.shape[2])).unflatten(2, (blocks, steps))


def _outer(inflow: Tensor, B: Tensor) -> Tensor:
    return inflow[..., None] * B[..., None, :]


def _read(state: Tensor, C: Tensor) -> Tensor:
    return torch.matmul(state, C[..., None])[..., 0]


TORCH_EXPORT = Exporter(
    "torch_export", "the trained network as a program of torch.export (.pt2)", write, applies, of_run=False
)
