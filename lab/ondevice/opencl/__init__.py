"""The OpenCL backend that TVM's wheels lack: a library beside their runtime."""
