"""A syntax and type check of Metal kernels by clang, against a header of ours that declares Metal's own.

clang's "C++ for OpenCL" has the same address spaces and vectors as Metal under other names, so pointers of different
memories don't mix, constants can't be written, and a name that Metal lacks is unknown. The clang is `ziglang`'s.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from lab.compile.metal.kernels import Kernel
from lab.compile.zig import zig_env
from lab.core.errors import CompileError
from lab.core.proc import run

HEADERS = Path(__file__).parent / "include"
TIMEOUT_S = 120.0
# Without OpenCL's own header, its functions and 64-bit floats: Metal has none of these. No generic pointers either.
_FLAGS = ("-triple", "spir64", "-x", "clcpp", "-cl-std=clc++2021", "-cl-ext=-all,+cl_khr_fp16", "-fsyntax-only")
# The attributes are checked by `signature`; kernels have variables that nothing reads.
_QUIET = ("-Wno-unknown-attributes", "-Wno-unused")
_VECTOR_CAST = re.compile(r"\(\(((?:u?(?:char|short|int|long)|half|float)[234])\)")
_PLACE = re.compile(r"^(?P<file>.+?):(?P<line>\d+):\d+: (?:fatal )?(?P<kind>error|note): (?P<what>.*)$")


def source_faults(kernel: Kernel) -> list[str]:
    """Return what clang finds wrong, a sentence each: the line in the kernel's source, the fault, and that line."""
    with tempfile.TemporaryDirectory(prefix="lab-metal-") as folder:
        path = Path(folder) / f"{kernel.name}.metal"
        path.write_text(_VECTOR_CAST.sub(r"(conversion<\1>() = ", kernel.source))  # metal_types.h says why
        said = _clang(path)
    return _faults(said, path, kernel.source.splitlines()) if said else []


def _clang(path: Path) -> str:
    """Return what clang says of the file; empty when it finds no error."""
    argv = [sys.executable, "-m", "ziglang", "-cc1", *_FLAGS, *_QUIET, "-I", str(HEADERS), str(path)]
    with zig_env() as env:
        done = run(argv, timeout_s=TIMEOUT_S, env=env)
    if done.code == 0:
        return ""
    if not any(_PLACE.match(line) for line in done.stderr.splitlines()):
        raise CompileError(
            f"clang, which checks Metal kernels, does not work:\n{done.stderr[-2000:]}",
            hint="pip install --force-reinstall ziglang",
        )
    return done.stderr


def _faults(said: str, path: Path, lines: list[str]) -> list[str]:
    """Return each error at its place in the kernel: an error in the header is where the kernel made use of it."""
    faults: list[str] = []
    waiting = ""
    for found in filter(None, map(_PLACE.match, said.splitlines())):
        here = found["file"] == str(path)
        if found["kind"] == "error":
            waiting = found["what"]
        if waiting and here:
            number = int(found["line"])
            faults.append(f"line {number}: {waiting}\n    {lines[number - 1].strip()}")
            waiting = ""
    return faults or [waiting]
