"""The backend ``cpu``: float32 kernels on explicit vectors, compiled by numba, run on torch's own threads.

``backend.py`` is the backend and ``operators.py`` its kernels as operators of torch; neither needs numba. Each operation has two
files more: ``X_kernels.py`` (or ``scan_forward.py`` and ``scan_backward.py``) holds what is compiled, and ``X.py`` hands tensors
to it, forward and backward. These import numba.
"""
