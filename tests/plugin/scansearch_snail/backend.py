"""A backend: the weights of SCAttn, multiplied in another order. Whatever else is asked of it, the next backend computes."""

from __future__ import annotations

import torch
from typing_extensions import override

from scansearch.ops.backends import Backend


class Shell(Backend):
    """Multiplies token weights first."""

    name, priority = "shell", -1

    @override
    def describe(self) -> str:
        return "weigh in two products, any device and precision (an example of a plug-in)"

    def weigh(self, x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor | None) -> torch.Tensor:
        """See ``scansearch.ops.weigh``."""
        weighed = x if token is None else x * token[..., None]
        return weighed * channel[:, :, None]


SHELL = Shell()
