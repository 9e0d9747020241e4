"""Scan orders of the tokens of an H x W grid."""

from scansearch.scans.family import ScanFamily
from scansearch.scans.order import ScanOrder, distinct, invert, variants
from scansearch.scans.symmetry import Symmetry

__all__ = ["ScanFamily", "ScanOrder", "Symmetry", "distinct", "invert", "variants"]
