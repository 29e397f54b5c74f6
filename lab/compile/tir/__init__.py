"""Parts that the kernels of CPUs and of GPUs share: sizes, vectors, and rounding on the way out."""
