"""Compile one kernel for one ISA record and call it with numpy arrays."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tvm

from lab.compile.cpu.isa import ARM_ISAS, X86_ISAS, Isa
from tests.compile.emulated import MTRIPLE, emulated


def machine_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


NATIVE = [isa for isa in X86_ISAS if set(isa.cpu_flags) <= machine_flags()]
# ARM's run under qemu-user. The others' code is the same kernel by kernel: test_assembly.py holds them to it.
EMULATED = [isa for isa in ARM_ISAS if isa.name in ("neon-i8mm-fhm", "neon-dotprod", "neon")]
RUNNABLE = [*NATIVE, *EMULATED]
# Attention knows of no integer products: its code for these is all that there is.
ATTENTION = [isa for isa in RUNNABLE if isa.name != "neon-dotprod"]
_NUMBERS = itertools.count()


def build(prim_func: Any, isa: Isa) -> Any:
    """Compile with exactly the ISA's features, so that nothing newer slips in."""
    base = {"mtriple": MTRIPLE, "mcpu": "generic"} if isa in ARM_ISAS else {"mcpu": "x86-64"}
    target = tvm.target.Target({"kind": "llvm", **base, "mattr": [f"+{name}" for name in isa.llvm_features]})
    return tvm.compile(tvm.IRModule({"main": prim_func.with_attr("global_symbol", "main")}), target=target)


def compiled(prim_func: Any, isa: Isa) -> Callable[..., list[np.ndarray]]:
    """Return a function over numpy arrays and scalars that gives every array back after the call."""
    module = build(prim_func, isa)
    if isa in ARM_ISAS:
        return emulated(module.mod, isa, f"kernel{next(_NUMBERS)}")
    function = module["main"]

    def call(*args: Any) -> list[np.ndarray]:
        tensors = [tvm.runtime.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
        function(*tensors)
        return [t.numpy() for t in tensors if hasattr(t, "numpy")]

    return call


def rel_error(got: np.ndarray, want: np.ndarray) -> float:
    return float(np.linalg.norm(got.astype(np.float64) - want) / np.linalg.norm(want))


@functools.cache
def kernel(maker: Callable[..., Any], isa: Isa, *args: Any, **options: Any) -> Callable[..., list[np.ndarray]]:
    """Compile maker(*args, **options) once for all the data it is tried on; makers that ask for the ISA get it."""
    wants_isa = "isa" in inspect.signature(maker).parameters
    return compiled(maker(isa, *args, **options) if wants_isa else maker(*args, **options), isa)
