"""VMamba as its code builds it today: what it has otherwise than VMamba of the paper, which is a LocalVMamba without SCAttn."""

from scansearch.models.vmamba.options import VMambaOptions
from scansearch.models.vmamba.spec import VMambaSpec

__all__ = ["VMambaOptions", "VMambaSpec"]
