"""C++ compilers that can build the runner on this machine, best first."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from lab.compile.zig import zig_env
from lab.core.errors import CompileError, LabError
from lab.core.proc import run
from lab.ondevice.systems import MIN_MACOS

# 2.28: what TVM's own wheels ask of a machine's C library.
ZIG_GLIBC = "2.28"
OLDEST = {"linux-gnu": ZIG_GLIBC, "macos": MIN_MACOS}
SYSTEM = ("c++", "g++", "clang++")
VERSION_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Compiler:
    """How to call one compiler; `version` says which one it is, `is_zig` that it brings its own C++ library."""

    name: str
    argv: tuple[str, ...]
    version: str
    is_zig: bool = False


def compilers(abi: str) -> list[Compiler]:
    """Return what can build for `abi` (`x86_64-linux-gnu`); CompileError when there is none.

    $LAB_CXX alone when it is set; else the system's, which takes seconds, and then ziglang's, which takes a
    minute the first time because it makes its C++ library. For another processor or system than this machine's,
    ziglang's only.
    """
    chosen = os.environ.get("LAB_CXX")
    if chosen:
        return [_chosen(chosen)]
    arch, _, system_name = abi.partition("-")
    system = _system() if is_own(arch) and system_name == "linux-gnu" else None
    found = [compiler for compiler in (system, _zig(abi)) if compiler is not None]
    if not found:
        raise CompileError("no C++ compiler to build the runner with", hint="pip install ziglang, or set LAB_CXX")
    return found


@contextmanager
def build_env(compiler: Compiler) -> Iterator[dict[str, str]]:
    """Yield the environment to compile in; ziglang gets a cache it can write, if need be one for this time."""
    if not compiler.is_zig:
        yield dict(os.environ)
        return
    with zig_env() as env:
        yield env


def _chosen(command: str) -> Compiler:
    argv = tuple(shlex.split(command))
    version = _version_line(argv)
    if version is None:
        raise CompileError(f"LAB_CXX={command}: does not run", hint="set LAB_CXX to a C++17 compiler, or unset it")
    return Compiler(command, argv, version)


def is_own(arch: str) -> bool:
    """Whether programs for Linux on `arch` are this machine's own."""
    return sys.platform == "linux" and platform.machine() == arch


def _system() -> Compiler | None:
    for name in SYSTEM:
        path = shutil.which(name)
        version = _version_line((path,)) if path else None
        if path and version:
            return Compiler(name, (path,), version)
    return None


def _zig(abi: str) -> Compiler | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    argv = (sys.executable, "-m", "ziglang", "c++", "-target", f"{abi}.{OLDEST[abi.partition('-')[2]]}")
    return Compiler("ziglang", argv, f"ziglang {importlib.metadata.version('ziglang')}", is_zig=True)


def _version_line(argv: tuple[str, ...]) -> str | None:
    """Return the first line of --version, or None for a command that does not answer it."""
    with suppress(LabError):
        lines = run([*argv, "--version"], timeout_s=VERSION_TIMEOUT_S, check=True).stdout.splitlines()
        return lines[0].strip() if lines else None
    return None
