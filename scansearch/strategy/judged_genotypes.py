"""Genotypes in a strategy's state: as tensors, for there may be a hundred thousand of them; and checked when they come back.

What a checkpoint holds beside its tensors is JSON in a header of limited size, written anew at every save.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby, pairwise

import numpy as np

from scansearch.lazy import torch
from scansearch.runs.restore import check_keys, check_tensor, whole
from scansearch.space import BoundSpace, Choice


class Judged:
    """Judged genotypes as tensors: what each keeps, a bit a candidate, and its accuracy, in the order of judging.

    Args:
        space: What the genotypes are of.
        allowed: Whether they must satisfy its constraints and its budget.
    """

    def __init__(self, space: BoundSpace, *, allowed: bool = True) -> None:
        self.space, self.allowed = space, allowed
        self._starts = list(accumulate((len(layer.candidates) for layer in space), initial=0))
        self._rows: dict[Choice, bytes] = {}  # saving comes often: a genotype is encoded once

    def state(self, judged: Mapping[Choice, float]) -> dict[str, torch.Tensor]:
        """``kept``, uint8 (n, bytes of a genotype), and ``accuracies``, float64 (n,)."""
        return self.state_of(judged, judged.values())

    def state_of(self, choices: Iterable[Choice], accuracies: Iterable[float]) -> dict[str, torch.Tensor]:
        """The same where a genotype may be judged more than once."""
        rows = bytearray().join(map(self._row, choices))
        kept = torch.from_numpy(np.frombuffer(rows, np.uint8).reshape(-1, self._bytes))
        return {"kept": kept, "accuracies": torch.tensor(list(accuracies), dtype=torch.float64)}

    def restored(self, state: object, where: str) -> dict[Choice, float]:
        """What ``state`` was given.

        Raises:
            ValueError: If it is not the state of different genotypes of this space, each with an accuracy in [0, 1].
        """
        found = self.restored_pairs(state, where)
        if len(judged := dict(found)) < len(found):
            raise ValueError(f"{where} has a genotype twice")
        return judged

    def restored_pairs(self, state: object, where: str) -> list[tuple[Choice, float]]:
        """What ``state_of`` was given; errors as ``restored``."""
        check_keys(state, ["kept", "accuracies"], where)
        assert isinstance(state, Mapping)
        count = len(state["kept"]) if isinstance(state["kept"], torch.Tensor) and state["kept"].ndim else 0
        kept = check_tensor(state["kept"], torch.empty(count, self._bytes, dtype=torch.uint8), f"kept of {where}")
        found = check_tensor(state["accuracies"], torch.empty(count, dtype=torch.float64), f"accuracies of {where}")
        if not bool(((found >= 0) & (found <= 1)).all()):
            raise ValueError(f"{where} has an accuracy that is not in [0, 1]")
        return [(self._choice(row, where), value) for row, value in zip(kept.numpy(), found.tolist(), strict=True)]

    def state_of_reports(self, reports: Mapping[Choice, Sequence[float]]) -> dict[str, torch.Tensor]:
        """The same of lists of accuracies, epoch by epoch or training by training, one a genotype."""
        told = [(choice, accuracy) for choice, values in reports.items() for accuracy in values]
        return self.state_of([choice for choice, _ in told], [accuracy for _, accuracy in told])

    def restored_reports(self, state: object, most: int) -> dict[Choice, list[float]]:
        """What ``state_of_reports`` was given, but for empty lists; errors as ``restored``, also for a list of more than ``most``."""
        told = self.restored_pairs(state, "the reports")
        lists = [(choice, [value for _, value in pairs]) for choice, pairs in groupby(told, lambda pair: pair[0])]
        if len(found := dict(lists)) < len(lists) or any(len(values) > most for _, values in lists):
            raise ValueError(f"the reports are no lists of at most {most} accuracies, one a genotype")
        return found

    @property
    def _bytes(self) -> int:
        return -(-self._starts[-1] // 8)

    def _row(self, choice: Choice) -> bytes:
        if (row := self._rows.get(choice)) is None:
            bits = np.zeros(self._starts[-1], bool)
            bits[[start + i for start, kept in zip(self._starts, choice, strict=False) for i in kept]] = True
            row = self._rows[choice] = np.packbits(bits).tobytes()
        return row

    def _choice(self, row: np.ndarray, where: str) -> Choice:
        bits = np.unpackbits(row).tolist()
        if any(bits[self._starts[-1] :]):
            raise ValueError(f"{where} keeps candidates that are not there")
        choice = tuple(tuple(i for i in range(end - start) if bits[start + i]) for start, end in pairwise(self._starts))
        if self.allowed and not self.space.allows(choice):
            raise ValueError(f"a genotype of {where} is not in space {self.space.name!r}")
        self._rows[choice] = row.tobytes()
        return choice


def choice_of(value: object, space: BoundSpace, where: str, *, allowed: bool = True) -> Choice:
    """Checks candidates, layer by layer, and returns them; unless ``allowed`` is False, the space must allow them."""
    if not isinstance(value, tuple) or len(value) != len(space):
        raise ValueError(f"{where} is no genotype of {len(space)} layers")
    for kept, layer in zip(value, space, strict=True):
        if not isinstance(kept, tuple) or list(kept) != sorted(set(kept)):
            raise ValueError(f"{where} keeps candidates that are not in order")
        for i in kept:
            whole(i, 0, len(layer.candidates) - 1, f"a candidate of {where}")
    if allowed and not space.allows(value):
        raise ValueError(f"{where} is not in space {space.name!r}")
    return value
