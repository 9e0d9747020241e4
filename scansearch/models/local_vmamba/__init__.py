"""LocalVMamba (arXiv 2403.09338), and VMamba as its paper has it: options, network and supernet, FLOPs, sizes, published names."""

from scansearch.models.local_vmamba.options import LocalVMambaOptions
from scansearch.models.local_vmamba.spec import LocalVMambaSpec

__all__ = ["LocalVMambaOptions", "LocalVMambaSpec"]
