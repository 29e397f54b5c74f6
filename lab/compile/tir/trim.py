"""Kernels are written with every argument that they may have; this takes away those that one of them does not use."""

from __future__ import annotations

from typing import Any

from tvm import tirx

PrimFunc = Any


def trimmed(kernel: PrimFunc, *names: str) -> PrimFunc:
    """Return the kernel without the parameters that its body never touches; with `names`, those of the others stay."""
    used = set(tirx.analysis.undefined_vars(kernel.body))
    kept = [param for param in kernel.params if param in used or (names and param.name not in names)]
    return tirx.PrimFunc(kept, kernel.body, attrs=kernel.attrs)
