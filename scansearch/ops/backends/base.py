"""What a backend is: a name, a place in the queue, what it needs, what it takes, and one method an operation."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

COARSE = ("direction_branches", "mixed_branches", "scan_restore", "weighed_mixture")
"""Operations that are made of others wherever a backend has nothing better: nobody lacks these."""
EPS = 1e-5
"""Added to the variance in the LayerNorm of ``norm_reduce`` and ``mixture``."""
FINE = ("scan", "reorder_conv_silu", "restore_gate", "norm_reduce", "weigh", "mixture")


class Backend(ABC):
    """An implementation of some operations, or of all.

    A subclass has one method for each operation that it computes, under the operation's name. Arguments are checked and have
    panel layout::

        scan(inputs: ScanInputs, delta_softplus: bool)          see scansearch.ops.selective_scan_grouped
        reorder_conv_silu(x, order, weight, bias)
        restore_gate(y, z or None, order, inverse)              without z: restore_order
        norm_reduce(x, weight)
        weigh(x, channel, token or None)
        mixture(branches, weights)
        direction_branches(x, z or None, orders, parameters)    optional: all of these are composed of the above
        mixed_branches(x, z or None, orders, parameters, weights)
        scan_restore(inputs, z or None, order, inverse)         scan with softplus, then restore_gate
        weighed_mixture(x, channel, token or None, weights)     weigh, then mixture

    What a backend does not have, or does not take, the next one in the queue computes. A limit is written here and nowhere else.
    Importing the backend's module must be cheap: what is heavy is imported in ``available`` or later. It is registered under
    its name in the entry-point group ``scansearch.backends``, or by ``scansearch.registry.BACKENDS.register``.

    Attributes:
        name: What users ask for it by.
        priority: ``auto`` asks the backend with the highest priority first.
        devices: Types of devices whose tensors it takes; ``None``: of all.
        dtypes: What it computes in; ``None``: whatever torch does.
        checked: Types of devices on which ``self_check`` is asked before it is first used there.
    """

    name: str
    priority: int
    devices: tuple[str, ...] | None = None
    dtypes: tuple[torch.dtype, ...] | None = None
    checked: tuple[str, ...] = ()

    @abstractmethod
    def describe(self) -> str:
        """What it runs on, in one line; only asked where it is available."""

    def available(self) -> str | None:
        """``None`` if it can run on this machine; otherwise what is missing and what to do, in one line.

        It is asked whatever the tensors are on, and must be quick.
        """
        return None

    def self_check(self) -> str | None:
        """``None`` if its numbers are right on the devices in ``checked``; otherwise what is wrong, in one line.

        It may be slow: it is asked once a process, when a tensor on such a device first looks for a backend.
        """
        return None

    def supports(self, op: str, *tensors: torch.Tensor | None) -> str | None:
        """``None`` if it takes these tensors in this operation; otherwise what it takes instead.

        It is asked at every call, and torch.compile looks inside: it must be quick, look at types and sizes only, and not at
        how large the batch is, which a compiled network keeps open.

        Args:
            op: The operation, one of ``FINE`` and ``COARSE``.
            *tensors: Its tensors in the order of its arguments, indices and ``None`` among them.
        """
        devices, dtypes = self.devices, self.dtypes
        for tensor in tensors:
            if tensor is None:
                continue
            if devices is not None and tensor.device.type not in devices:
                return f"it computes on {' and '.join(devices)}, but the tensors are on {tensor.device.type}"
            if dtypes is not None and tensor.dtype not in dtypes and tensor.dtype != torch.int64:
                return f"it does not compute in {tensor.dtype}"
        return None

    def has(self, op: str) -> bool:
        """Whether it has a method for this operation."""
        return hasattr(self, op)

    def serves(self, kind: str) -> bool:
        """Whether it takes tensors on this type of device."""
        return self.devices is None or kind in self.devices

    def declines(self, op: str, *tensors: torch.Tensor | None) -> str | None:
        """Why another backend must compute this; ``None`` if this one can."""
        if self.has(op):
            return self.supports(op, *tensors)
        return f"it has {', '.join(known for known in FINE if self.has(known)) or 'nothing'} alone"
