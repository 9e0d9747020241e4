"""Numerics: the selective scan and its backends, and the reordering of tokens."""

from scansearch.ops.backends import BackendStatus, backend_report, resolve_backend
from scansearch.ops.reorder import reorder_conv_silu, restore_order
from scansearch.ops.scan import selective_scan, selective_scan_grouped

__all__ = [
    "BackendStatus",
    "backend_report",
    "reorder_conv_silu",
    "resolve_backend",
    "restore_order",
    "selective_scan",
    "selective_scan_grouped",
]
