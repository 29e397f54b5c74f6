"""A library of small kernels, compiled once for the tests of the plug-in."""

from __future__ import annotations

from pathlib import Path

import tvm
from tvm.script import tirx as T  # noqa: N812 (how TVMScript is written)


@T.prim_func
def add(a: T.Buffer((256,), "float32"), b: T.Buffer((256,), "float32"), x: T.float32):
    T.func_attr({"global_symbol": "add"})
    for bx in T.thread_binding(4, thread="blockIdx.x"):
        for tx in T.thread_binding(64, thread="threadIdx.x"):
            b[bx * 64 + tx] = a[bx * 64 + tx] + x


@T.prim_func
def scale(a: T.Buffer((256,), "float32"), b: T.Buffer((256,), "float32"), x: T.float32):
    T.func_attr({"global_symbol": "scale"})
    for bx in T.thread_binding(4, thread="blockIdx.x"):
        for tx in T.thread_binding(64, thread="threadIdx.x"):
            b[bx * 64 + tx] = a[bx * 64 + tx] * x


@T.prim_func
def integers(
    to: T.Buffer((7,), "int64"),
    a: T.int8,
    b: T.int16,
    c: T.int32,
    d: T.int64,
    e: T.uint8,
    f: T.uint16,
    g: T.uint32,
):
    T.func_attr({"global_symbol": "integers"})
    for tx in T.thread_binding(1, thread="threadIdx.x"):
        to[tx] = T.Cast("int64", a)
        to[1] = T.Cast("int64", b)
        to[2] = T.Cast("int64", c)
        to[3] = d
        to[4] = T.Cast("int64", e)
        to[5] = T.Cast("int64", f)
        to[6] = T.Cast("int64", g)


@T.prim_func
def reals(to: T.Buffer((2,), "float64"), a: T.float32, b: T.float64):
    T.func_attr({"global_symbol": "reals"})
    for tx in T.thread_binding(1, thread="threadIdx.x"):
        to[tx] = T.Cast("float64", a)
        to[1] = b


@T.prim_func
def grid(p: T.handle, n: T.int32):
    T.func_attr({"global_symbol": "grid"})
    to = T.match_buffer(p, (n, 3, 2), "int32")
    for bz in T.thread_binding(2, thread="blockIdx.z"):
        for by in T.thread_binding(3, thread="blockIdx.y"):
            for bx in T.thread_binding(n, thread="blockIdx.x"):
                to[bx, by, bz] = bx * 100 + by * 10 + bz


@T.prim_func
def wide(to: T.Buffer((8192,), "float32")):
    T.func_attr({"global_symbol": "wide"})
    for tx in T.thread_binding(8192, thread="threadIdx.x"):
        to[tx] = T.float32(1)


KERNELS = (add, scale, integers, reals, grid, wide)


def make_library(folder: Path) -> Path:
    """Compile and write the kernels: the host's function has the name that is here, the kernel's ends in _kernel."""
    module = tvm.IRModule({str(kernel.attrs["global_symbol"]): kernel for kernel in KERNELS})
    target = tvm.target.Target({"kind": "opencl", "max_num_threads": 8192}, host={"kind": "llvm"})
    path = folder / "kernels.so"
    tvm.compile(module, target=target).export_library(str(path))
    return path
