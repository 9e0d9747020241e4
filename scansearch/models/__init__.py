"""Models: families of networks and users' own, as a network or a supernet, and what strategies select in them."""

from scansearch.models.backbone import BackboneSpec
from scansearch.models.exchange import make_searchable
from scansearch.models.model_options import ModelOptions
from scansearch.models.model_spec import Directions, LayerInfo, ModelSpec, Official, bind_to
from scansearch.models.searchable import SearchableModel, SearchableScan
from scansearch.models.supernet import Selection, Supernet
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
]
