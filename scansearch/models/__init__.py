"""Models: LocalVim and users' own backbones, as a network or a supernet, and what strategies select in them."""

from scansearch.models.backbone import BackboneSpec, make_searchable
from scansearch.models.searchable import SearchableModel, SearchableScan
from scansearch.models.spec import LayerInfo, ModelSpec
from scansearch.models.supernet import Selection, Supernet

__all__ = [
    "BackboneSpec",
    "LayerInfo",
    "ModelSpec",
    "SearchableModel",
    "SearchableScan",
    "Selection",
    "Supernet",
    "make_searchable",
]
