"""Apple's limits of one launch: threads, threadgroup memory, buffers, and how many threadgroups.

The limits are those of every GPU from the Apple 7 family on (A14, M1), by Apple's Metal feature set tables. What a
kernel's registers leave of the threads is told by Metal's compiler alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

from lab.compile.contract import Launch
from lab.compile.metal.kernels import Kernel
from lab.core.errors import CompileError

MAX_THREADS = 1024
MAX_THREADGROUP_BYTES = 32 << 10
MAX_BUFFERS = 31
MAX_GROUPS = 2**32 - 1  # positions are 32-bit

_ARRAY = re.compile(r"^\s*threadgroup\s+(?:alignas\((?P<align>\d+)\)\s+)?(?P<type>\w+)\s+\w+\[(?P<count>\d+)\];", re.M)
_DECLARED = re.compile(r"^\s*threadgroup\b", re.M)
_SIZES = {"bool": 1, "char": 1, "uchar": 1, "short": 2, "ushort": 2, "half": 2, "int": 4, "uint": 4, "float": 4}
_SIZES |= {"long": 8, "ulong": 8}


def limit_faults(kernel: Kernel, launches: Mapping[str, Launch]) -> list[str]:
    """Return which limits the kernel breaks, a sentence each. CompileError: nobody knows how it is launched."""
    if kernel.name not in launches:
        raise CompileError(f"Metal kernel {kernel.name}: the lowered program never launches it")
    faults = _launch_faults(launches[kernel.name])
    buffers = sum(p.in_memory for p in kernel.parameters)
    if buffers > MAX_BUFFERS:
        faults.append(f"{buffers} buffers, and Metal binds {MAX_BUFFERS} at most")
    size_bytes = threadgroup_bytes(kernel)
    if size_bytes > MAX_THREADGROUP_BYTES:
        faults.append(f"{size_bytes} bytes of threadgroup memory, and Apple's GPUs have {MAX_THREADGROUP_BYTES}")
    return faults


def _launch_faults(launch: Launch) -> list[str]:
    faults = []
    if prod(launch.threads) > MAX_THREADS:
        shape = " x ".join(map(str, launch.threads))
        faults.append(f"{shape} = {prod(launch.threads)} threads a threadgroup, and Metal takes {MAX_THREADS} at most")
    faults += [
        f"{count} threadgroups along {axis}, and positions are 32-bit"
        for axis, count in zip("xyz", launch.groups, strict=True)
        if count > MAX_GROUPS
    ]
    return faults


def threadgroup_bytes(kernel: Kernel) -> int:
    """Return the bytes of threadgroup memory that the kernel's source declares, each array at its own alignment."""
    arrays = list(_ARRAY.finditer(kernel.source))
    if len(arrays) != len(_DECLARED.findall(kernel.source)):
        raise CompileError(f"Metal kernel {kernel.name}: a threadgroup variable that is no array of a fixed size")
    total = 0
    for found in arrays:
        width = _width(kernel.name, found["type"])
        align = max(width, int(found["align"] or 1))
        total = -(-total // align) * align + width * int(found["count"])
    return total


def _width(kernel: str, name: str) -> int:
    """Return the bytes of one element: a scalar's, or a vector's, where three lanes take the place of four."""
    found = re.fullmatch(r"([a-z]+)([234])?", name)
    if found is None or found[1] not in _SIZES:
        raise CompileError(f"Metal kernel {kernel}: threadgroup memory of type {name}, whose size is not known")
    return _SIZES[found[1]] * {None: 1, "2": 2, "3": 4, "4": 4}[found[2]]
