"""The backend ``triton``: kernels for a GPU that need no compiler, only the package triton, which CUDA builds of PyTorch bring.

On a CPU they run in Triton's interpreter (``TRITON_INTERPRET=1``), where their numbers can be checked.
"""
