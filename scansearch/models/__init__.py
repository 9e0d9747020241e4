"""Models: families of networks and users' own, as a network or a supernet, and what strategies select in them.

Names are imported on first use: what a model is, and what a strategy selects, are known where torch is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scansearch.lazy import first_used

if TYPE_CHECKING:
    from scansearch.models.backbone import BackboneSpec
    from scansearch.models.exchange import make_searchable
    from scansearch.models.model_options import ModelOptions
    from scansearch.models.model_spec import Directions, LayerInfo, ModelSpec, Official, bind_to
    from scansearch.models.searchable import SearchableModel, SearchableScan
    from scansearch.models.selection import Selection
    from scansearch.models.supernet import Supernet
    from scansearch.models.weight_files import read_weights
    from scansearch.shape import ImageShape

__all__ = [
    "BackboneSpec",
    "Directions",
    "ImageShape",
    "LayerInfo",
    "ModelOptions",
    "ModelSpec",
    "Official",
    "SearchableModel",
    "SearchableScan",
    "Selection",
    "Supernet",
    "bind_to",
    "make_searchable",
    "read_weights",
]

__getattr__ = first_used(
    __name__,
    {
        "scansearch.models.backbone": ("BackboneSpec",),
        "scansearch.models.exchange": ("make_searchable",),
        "scansearch.models.model_options": ("ModelOptions",),
        "scansearch.models.model_spec": ("Directions", "LayerInfo", "ModelSpec", "Official", "bind_to"),
        "scansearch.models.searchable": ("SearchableModel", "SearchableScan"),
        "scansearch.models.selection": ("Selection",),
        "scansearch.models.supernet": ("Supernet",),
        "scansearch.models.weight_files": ("read_weights",),
        "scansearch.shape": ("ImageShape",),
    },
)
