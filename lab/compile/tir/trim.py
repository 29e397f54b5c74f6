"""Kernels are written with every argument that they may have; this takes away those that one of them does not use."""

from __future__ import annotations

from typing import Any

from tvm import tirx

PrimFunc = Any


def trimmed(kernel: PrimFunc) -> PrimFunc:
    """Return the kernel without the parameters that its body never touches."""
    used = set(tirx.analysis.undefined_vars(kernel.body))
    return tirx.PrimFunc([param for param in kernel.params if param in used], kernel.body, attrs=kernel.attrs)
