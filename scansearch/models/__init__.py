"""Models: LocalVim as a network or a supernet, and what strategies select in it."""

from scansearch.models.spec import LayerInfo, ModelSpec
from scansearch.models.supernet import Selection, Supernet

__all__ = ["LayerInfo", "ModelSpec", "Selection", "Supernet"]
