"""What the search must know of a strategy beforehand."""

from __future__ import annotations

from typing import NamedTuple


class Traits(NamedTuple):
    """What the search prepares for: which data, which training, how much work after it.

    ``judgements``, ``tunings`` and ``restarts`` count from ``setup`` on; the others follow from the settings alone.

    Args:
        trains_supernet: Whether the supernet is trained at all; strategies that train every genotype from scratch need none.
        held_out_share: Share of the training data, in [0, 1), that only ``before_weights`` and ``after_epoch`` see.
        gradual: Whether scores grow epoch by epoch, so that their fluctuation tells how sure a margin is; not if all is chosen in
            the end.
        judgements: How many genotypes ``finish`` judges at most.
        tunings: How many updates of the weights ``finish`` makes at most.
        restarts: Epochs, from 0 and in order, with which the supernet begins anew: weights, alpha, the weights' optimiser and the
            schedule of its learning rate.
    """

    trains_supernet: bool = True
    held_out_share: float = 0.0
    gradual: bool = True
    judgements: int = 0
    tunings: int = 0
    restarts: tuple[int, ...] = ()
