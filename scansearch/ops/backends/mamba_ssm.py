"""The backend ``mamba_ssm``: the CUDA scan of the package mamba-ssm, if it is installed; other backends compute the rest."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch.nn import functional as F
from typing_extensions import override

from scansearch.ops.backends.base import Backend
from scansearch.ops.derivative import refuse_second_derivative
from scansearch.ops.shapes import ScanInputs


class MambaSsm(Backend):
    """The scan that mamba-ssm compiles for CUDA."""

    name, priority = "mamba_ssm", 20
    devices, dtypes = ("cuda",), (torch.float32, torch.float16, torch.bfloat16)

    @override
    def available(self) -> str | None:
        if find_spec("selective_scan_cuda") is None or find_spec("mamba_ssm") is None:
            return 'mamba-ssm is not installed; pip install --no-build-isolation "scansearch[cuda]"'
        return None if torch.cuda.is_available() else "it computes on a CUDA GPU, but torch finds none here"

    @override
    def describe(self) -> str:
        return "the CUDA scan of mamba-ssm; other operations run on the next backend"

    def scan(self, inputs: ScanInputs, delta_softplus: bool) -> torch.Tensor:
        """See ``selective_scan_grouped``. Computes in u's type; A, D and the bias are in float32."""
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

        u, delta, A, B, C, D, z, delta_bias = inputs
        groups, batch, length, channels = u.shape

        def channels_second(x: torch.Tensor) -> torch.Tensor:
            return x.permute(1, 0, 3, 2).reshape(batch, -1, length).to(u.dtype)

        def states_second(x: torch.Tensor) -> torch.Tensor:
            return x.permute(1, 0, 3, 2).contiguous().to(u.dtype)

        with torch.autocast("cuda", enabled=False):
            y = selective_scan_fn(
                channels_second(u),
                channels_second(delta),
                A.reshape(groups * channels, -1).float(),
                states_second(B),
                states_second(C),
                None if D is None else D.flatten().float(),
                delta_bias=None if delta_bias is None else delta_bias.flatten().float(),
                delta_softplus=delta_softplus,
            )
        if y.requires_grad:
            y.register_hook(refuse_second_derivative)
        y = y.view(batch, groups, channels, length).permute(1, 0, 3, 2)
        return y if z is None else y * F.silu(z)


MAMBA_SSM = MambaSsm()
