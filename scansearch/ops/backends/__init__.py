"""Who computes an operation: what a backend is, those that come with scansearch, one a module, and who picks one."""

from scansearch.ops.backends.base import Backend
from scansearch.ops.backends.dispatch import (
    BackendStatus,
    backend_for,
    backend_report,
    call,
    check_name,
    coarse_backend,
    resolve_backend,
)

__all__ = [
    "Backend",
    "BackendStatus",
    "backend_for",
    "backend_report",
    "call",
    "check_name",
    "coarse_backend",
    "resolve_backend",
]
