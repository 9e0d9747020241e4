"""The same random numbers again: for a loss that draws and is computed more than once."""

from __future__ import annotations

from scansearch.lazy import torch


class RandomState:
    """Where torch's global generators, of the CPU and of all CUDA devices, stand when this is made."""

    def __init__(self) -> None:
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def restore(self) -> None:
        """Sets the generators back."""
        torch.set_rng_state(self._cpu)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
