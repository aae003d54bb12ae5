"""Numba kernels over Arrow buffers, shared by stages."""
