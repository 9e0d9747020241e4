"""Supernets: networks that hold every candidate of every layer and run those that a strategy selects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import nn

from scansearch.errors import UnsupportedError
from scansearch.models.selection import Selection
from scansearch.models.streaming import checkpointed_sum, plain_sum, streamed_sum

MOST_TOGETHER = 16
"""Branches in one call; so many are kept for the backward pass, unless the model says otherwise."""
CHUNK = {"recompute": 8, "streamed": 1}
"""Branches in a chunk that is computed again: `python -m benchmarks many memory` measures it."""

Run = Callable[[Selection, Sequence[torch.Tensor], Sequence[torch.Tensor]], torch.Tensor]


def initial_alpha(count: int) -> nn.Parameter:
    """Alpha (N, 1, 1, 1) of a layer of so many candidates, as it starts: normal, with standard deviation 1e-3."""
    alpha = torch.empty(count, 1, 1, 1)
    # Random numbers on the meta device import the compiler: a second for a count of parameters.
    return nn.Parameter(alpha if alpha.is_meta else alpha.normal_().mul_(1e-3))


def mixture_of(
    selection: Selection,
    run: Run,
    inputs: torch.Tensor,
    stacked: Sequence[torch.Tensor] = (),
    shared: Sequence[torch.Tensor] = (),
    *,
    memory: str = "auto",
) -> torch.Tensor:
    """What a layer gives for a selection: the mixture of its branches, and its input by the shortcut.

    Up to ``MOST_TOGETHER`` branches run in one call. More run in chunks, and the backward pass computes each chunk again, so that
    memory does not grow with their number.

    Args:
        selection: Which branches, with what weights.
        run: ``run(chunk, rows, shared)`` gives ``scansearch.ops.mixture`` of a chunk's branches: ``chunk`` is a selection of some
            of the branches, ``rows`` their rows of ``stacked``. It must be the same function of its arguments every time.
        inputs: The layer's input, where the shortcut starts; of the mixture's shape.
        stacked: Tensors with a row for each candidate.
        shared: Tensors that every chunk gets whole. With ``stacked``, ``run`` may use no other tensor that needs a gradient, and
            draw no random numbers; without, it is a user's own mixer, and may do both.
        memory: ``keep`` and ``recompute`` decide what happens to chunks whatever their number, and ``streamed`` takes a branch at a
            time; ``auto``: by the number.

    Returns:
        The shape of ``inputs``.
    """
    weights = [] if selection.weights is None else [selection.weights]
    rows = [*_rows_of(selection, stacked), *weights]

    def run_part(part: slice, rows: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
        chosen = rows[len(stacked)] if weights else None
        chunk = Selection(selection.indices[part], chosen, selection.shortcut, selection.part)
        return run(chunk, rows[: len(stacked)], shared)

    # By their number alone: a rule that looked at free memory would round differently from one run to the next.
    count = len(selection.indices)
    if memory == "auto":
        memory = "recompute" if count > MOST_TOGETHER else "keep"
    if memory == "keep":
        mixed = plain_sum(run_part, MOST_TOGETHER, count, rows, shared)
    elif stacked:
        mixed = streamed_sum(run_part, CHUNK[memory], rows, shared)
    else:
        mixed = checkpointed_sum(run_part, count, rows)
    return mixed + selection.shortcut * inputs if selection.shortcut else mixed


def _rows_of(selection: Selection, stacked: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    if not stacked or selection.indices == tuple(range(len(stacked[0]))):
        return list(stacked)
    chosen = torch.tensor(selection.indices, device=stacked[0].device)
    return [tensor.index_select(0, chosen) for tensor in stacked]


class Supernet(nn.Module, ABC):
    """What strategies and the search need of a supernet.

    Attributes:
        candidates: The candidate directions of each layer.
    """

    candidates: list[tuple[str, ...]]

    @abstractmethod
    def forward(self, images: torch.Tensor, selections: Sequence[Selection]) -> torch.Tensor:
        """Logits (B, classes) of images (B, C, H, W) under one selection a layer."""

    @abstractmethod
    def architecture_parameters(self) -> list[nn.Parameter]:
        """Alpha: one parameter of shape (N, 1, 1, 1) a layer."""

    @abstractmethod
    def no_weight_decay(self) -> set[str]:
        """Names of the weights that weight decay must spare."""

    def stacked_parameters(self) -> list[list[nn.Parameter]]:
        """The weights of each layer that have a row for each of its candidates; a step moves the rows of those that ran.

        None by default: branches that are modules of their own get no gradient where they do not run, and so stay as they are.
        """
        return [[] for _ in self.candidates]

    def derive(self, directions: Sequence[Sequence[str]]) -> nn.Module:
        """The network that keeps only ``directions``, with a copy of this supernet's weights.

        Raises:
            UnsupportedError: If the model has no such thing, as by default.
        """
        raise UnsupportedError(f"a {type(self).__name__} cannot give its weights to the network of a genotype")

    def weight_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Every parameter but alpha, by name."""
        alphas = {id(alpha) for alpha in self.architecture_parameters()}
        return [(name, p) for name, p in self.named_parameters() if id(p) not in alphas]
