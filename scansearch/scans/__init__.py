"""Scan orders of the tokens of an H x W grid."""

from scansearch.scans.family import ScanFamily
from scansearch.scans.order import ScanOrder, distinct, invert

__all__ = ["ScanFamily", "ScanOrder", "distinct", "invert"]
