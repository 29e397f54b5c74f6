"""Kernels of the KV cache for GPUs, one launch each, for OpenCL and Metal alike."""
