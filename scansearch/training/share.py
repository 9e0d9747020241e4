"""A process's share of a batch, with the random numbers that it would have in a single process."""

from __future__ import annotations

from typing import NamedTuple

import torch

from scansearch.data.augment import Draws


class Share(NamedTuple):
    """What one process needs of a batch.

    Args:
        rows: Places in the whole batch, int64 (R,): first those of the share, then the partners that these are mixed with.
        size: How many of them are the share.
        draws: The random numbers of these rows.
    """

    rows: torch.Tensor
    size: int
    draws: Draws


def share_of(draws: Draws, batch: int, rank: int, processes: int) -> Share:
    """Takes the share of process ``rank`` out of the numbers that were drawn for the whole batch.

    So it does not matter how many processes share a batch. A partner that another process has in its share is augmented here
    as well as there.
    """
    own = torch.arange(rank, batch, processes)
    if processes == 1:
        return Share(own, batch, draws)
    rows = own if draws.partner is None else torch.cat([own, draws.partner[own]])
    taken = draws.map(lambda tensor: tensor[rows])
    if draws.partner is not None:  # those that only give are mixed with nobody: they are left out afterwards
        taken = taken._replace(partner=torch.arange(len(rows)).roll(len(own)))
    return Share(rows, len(own), taken)
