"""Where the installed TVM wheels keep what the runner is built from and runs on; TVM itself is not imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import CompileError

FFI_NAME = "libtvm_ffi.so"
RUNTIME_NAME = "libtvm_runtime.so"


@dataclass(frozen=True)
class Wheels:
    """Headers and libraries of the installed wheels, and their versions as the index names them.

    `tvm` and `tvm_ffi` are the folders of the packages: the first carries most of its runtime's sources, the second all
    of its own. `metal` is the runtime's library for Apple's GPUs, in the wheels for a Mac.
    """

    include: Path
    ffi: Path
    runtime: Path
    tvm_version: str
    ffi_version: str
    tvm: Path
    tvm_ffi: Path
    metal: Path | None = None


def find_wheels() -> Wheels:
    """Return the files of this Python's apache-tvm and apache-tvm-ffi; CompileError names what is missing."""
    tvm, ffi = _package("tvm"), _package("tvm_ffi")
    return Wheels(
        include=_existing(ffi / "include"),
        ffi=_existing(ffi / "lib" / FFI_NAME),
        runtime=_existing(tvm / "lib" / RUNTIME_NAME),
        tvm_version=_version("apache-tvm"),
        ffi_version=_version("apache-tvm-ffi"),
        tvm=tvm,
        tvm_ffi=ffi,
    )


def tvm_headers() -> Path:
    """Return the installed apache-tvm's own headers, of its runtime."""
    return _existing(_package("tvm") / "include")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise _not_installed(name)
    return Path(spec.submodule_search_locations[0]).resolve()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise CompileError(f"{path}: missing, though its package is installed", hint=_HINT)
    return path


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError as problem:
        raise _not_installed(distribution) from problem


def _not_installed(name: str) -> CompileError:
    return CompileError(f"{name} is not installed for this Python", hint=_HINT)


_HINT = "pip install --force-reinstall apache-tvm apache-tvm-ffi, in the versions that lab names"
