"""CPU kernels in TVMScript."""
