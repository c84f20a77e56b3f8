"""Kernels that round whole batches, in NumPy and compiled, and which of them a batch gets."""
