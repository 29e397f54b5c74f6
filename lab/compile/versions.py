"""Versions of everything that a compiled library depends on, told without importing the compiler."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path

import lab
from lab.core.errors import CompileError
from lab.formats.bundle import VersionsBlock

_ROOT = Path(lab.__file__).parent
# What turns a model into code. Anything changed here gives new bundles.
_SOURCES = ("compile/**/*.py", "models/decoder/network.py", "models/layouts/n16k4.py", "models/params.py")


def versions() -> VersionsBlock:
    """Return the versions of lab, TVM, its FFI and LLVM, and the digest of lab's own kernels and passes."""
    return VersionsBlock(
        lab=lab.__version__,
        tvm=_version("apache-tvm"),
        tvm_ffi=_version("apache-tvm-ffi"),
        llvm=f"in libtvm_compiler {compiler_digest()}",
        kernels=kernels_digest(),
    )


@functools.cache
def kernels_digest() -> str:
    """Return the sha256 over lab's kernels, passes and the Relax model, by path and content."""
    state = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in _ROOT.glob(pattern)):
        state.update(f"{path.relative_to(_ROOT)}\0".encode())
        state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


@functools.cache
def compiler_digest() -> str:
    """Return the digest that the installed wheel recorded for TVM's compiler, which has LLVM linked in."""
    for file in metadata.files("apache-tvm") or ():
        if file.name.startswith("libtvm_compiler.") and file.hash is not None:
            return str(file.hash.value)[:16]
    return _version("apache-tvm")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as problem:
        raise CompileError(f"the package {package} is not installed", hint=f"pip install {package}") from problem
