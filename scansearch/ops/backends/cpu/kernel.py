"""Compiling a kernel once, keeping it on disk, and running it on torch's own threads.

A kernel is a C function of one argument, the Address of a row of 64-bit integers::

    next ticket, number of tasks, the Sizes, the Panels ...

Every thread calls the same function; it draws tickets until the tasks are done. Which thread does a task does not change
the result, so results are bitwise the same for any number of threads.

The threads are those of torch: the kernel is handed to the OpenMP library that torch has loaded. A second pool (numba
brings one, often with a second copy of the library) would compete for the same cores with torch's threads, which spin
for milliseconds after their last piece of work.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from numba import cfunc, types

from scansearch.ops.backends.cpu.panel import Sizes, panels_of
from scansearch.ops.backends.cpu.vectors import Address

_CALLABLE = ctypes.CFUNCTYPE(None, ctypes.c_int64)
_PROCESS = os.getpid()


class Kernel:
    """A kernel, compiled when it is first used, for each number of lanes.

    Args:
        function: ``function(address)``, written for numba, drawing its tasks by ``take_ticket``. It must not raise.
    """

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function = function
        self._compiled: dict[int, Any] = {}

    def __call__(self, tasks: int, sizes: Sizes, *tensors: torch.Tensor | None) -> None:
        """Runs ``tasks`` tasks on tensors (G, B, L, X), which it reads and writes by their addresses."""
        values = (0, tasks, *sizes, *panels_of(tensors))
        arguments = (ctypes.c_int64 * len(values))(*values)
        address, threads = self.address(sizes.lanes), thread_count(tasks)
        if threads == 1:
            _CALLABLE(address)(ctypes.addressof(arguments))
        elif (parallel := _openmp()) is not None:
            parallel(address, ctypes.addressof(arguments), threads, 0)
        else:
            _run_threads(_CALLABLE(address), ctypes.addressof(arguments), threads)

    def address(self, lanes: int) -> int:
        """Where the function is that was compiled for vectors of so many lanes."""
        if lanes not in self._compiled:
            self._compiled[lanes] = self._compile(types.void(Address(lanes)))
        found: int = self._compiled[lanes].address
        return found

    def _compile(self, signature: Any) -> Any:
        """The compiled function, from numba's cache on disk if it is there."""
        # numba knows a cached function by its own file alone. The kernels use other files of this package, so their
        # digest becomes a part of the name under which the cache keeps a function.
        self.function.__qualname__ = f"{self.function.__name__}_{_source_digest()}"
        try:
            return cfunc(signature, cache=True)(self.function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            # No directory can be written: neither this package's, nor the user's, nor $NUMBA_CACHE_DIR.
            return cfunc(signature)(self.function)


def thread_count(tasks: int) -> int:
    """How many threads a kernel with so many tasks uses: torch's setting, and one in a forked process."""
    # OpenMP's threads do not survive a fork; waiting for them would hang a DataLoader's worker for ever.
    if os.getpid() != _PROCESS:
        return 1
    return max(1, min(tasks, torch.get_num_threads()))


@lru_cache(maxsize=1)
def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=1)
def _openmp() -> Callable[..., None] | None:
    """``GOMP_parallel`` of the OpenMP library torch itself uses, or None if this torch has no such function."""
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        # A symbol is looked up in a library and in those it depends on: this finds torch's OpenMP under any name.
        parallel = ctypes.CDLL(str(library)).GOMP_parallel
    except (OSError, AttributeError):
        return None
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    result: Callable[..., None] = parallel
    return result


def _run_threads(function: Callable[[int], None], address: int, threads: int) -> None:
    helpers = [threading.Thread(target=function, args=(address,)) for _ in range(threads - 1)]
    for helper in helpers:
        helper.start()
    function(address)
    for helper in helpers:
        helper.join()


def threads_from() -> str:
    """Where the kernels' threads come from, for `scansearch doctor`."""
    return "torch's OpenMP" if _openmp() is not None else "Python threads"
