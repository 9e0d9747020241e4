"""The eight symmetries of a rectangular grid: transposition and the two mirrors, in one normal form."""

from __future__ import annotations

from dataclasses import dataclass

from scansearch.lazy import torch

SUFFIXES = ("_t", "_lr", "_ud")


@dataclass(frozen=True)
class Symmetry:
    """A symmetry: the grid is transposed first, then mirrored. All eight elements of D4 have one such form.

    Args:
        transpose: Rows and columns change places (``_t``).
        lr: Left and right change places (``_lr``).
        ud: Top and bottom change places (``_ud``).
    """

    transpose: bool = False
    lr: bool = False
    ud: bool = False

    def then(self, other: Symmetry) -> Symmetry:
        """This symmetry, followed by ``other``: transposing turns one mirror into the other."""
        lr, ud = (self.ud, self.lr) if other.transpose else (self.lr, self.ud)
        return Symmetry(self.transpose ^ other.transpose, lr ^ other.lr, ud ^ other.ud)

    @property
    def suffix(self) -> str:
        """How a name ends that carries it, for example ``_t_lr``; empty for the identity."""
        flags = (self.transpose, self.lr, self.ud)
        return "".join(name for name, there in zip(SUFFIXES, flags, strict=True) if there)

    @classmethod
    def from_suffix(cls, suffix: str) -> Symmetry:
        """The symmetry of one of ``SUFFIXES``."""
        return cls(transpose=suffix == "_t", lr=suffix == "_lr", ud=suffix == "_ud")

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the grid that the base order visits, for a grid of H x W."""
        return (width, height) if self.transpose else (height, width)

    def apply(self, visited: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Carries a visiting order of ``grid(height, width)`` over to the H x W grid; -1 (a zero token) stays.

        Args:
            visited: int64 (L',), tokens counted row by row.
            height: Rows H of the grid that the result visits.
            width: Columns W of it.
        """
        if self == Symmetry():
            return visited
        tokens = torch.arange(height * width, device=visited.device).view(height, width)
        tokens = tokens.flip([axis for axis, mirrored in ((0, self.ud), (1, self.lr)) if mirrored])
        carried = (tokens.T if self.transpose else tokens).reshape(-1)
        return torch.cat([carried, carried.new_tensor([-1])])[visited]  # the index -1 finds the last entry: itself


IDENTITY = Symmetry()
