"""Vim as a model of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from scansearch.models.local_vim import LocalVimSpec
from scansearch.models.vim.official_names import as_local_vim, vim_names

if TYPE_CHECKING:
    import torch
    from torch import nn

    from scansearch.models.weight_check import Recognised

VIM = {
    "patch_size": 16,
    "depth": 24,
    "attention": "none",
    "class_token": "middle",
    "flips": "sequence",
    "merge": "mean",
}
"""What makes a LocalVim a Vim."""


class VimSpec(LocalVimSpec):
    """A Vim by name; the arguments are those of ``ModelSpec``.

    Its layers may be searched, as those of a LocalVim. Vim's own code has but ``h`` and ``h_flip``: weights have names there only
    in networks of just these.
    """

    def __init__(self, name: str, description: str, **options: Any) -> None:
        super().__init__(name, description, **{**VIM, **options})

    @override
    def official_state_dict(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Weights of a network as Vim's code loads them.

        Raises:
            UnsupportedError: If a layer of the network has other directions than ``h`` and ``h_flip``.
        """
        names, weights = vim_names(network), super().official_state_dict(network)
        return {names.get(name, name): value for name, value in weights.items()}

    @override
    def from_official(self, network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        names = {theirs: name for name, theirs in vim_names(network).items()}
        return super().from_official(network, {names.get(name, name): value for name, value in weights.items()})

    @override
    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        named = as_local_vim(weights)
        return None if named is None else super().recognise(named)
