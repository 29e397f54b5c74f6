"""Versions of everything that a compiled library depends on, told without importing the compiler."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path

from lab.core.errors import CompileError
from lab.formats.manifest import VersionsBlock
from lab.models.families import folder_of
from lab.version import __version__

_ROOT = Path(__file__).parents[1]
# What turns a model into code. Anything changed here gives new bundles.
_SOURCES = ("compile/**/*.py", "models/decoder/*.py", "models/layouts/*.py", "models/ops.py", "models/params.py")
_OF_FAMILY = "network*.py"


def versions(family: str) -> VersionsBlock:
    """Return the versions of lab, TVM, its FFI and LLVM, and the digest of lab's own kernels, passes and network."""
    return VersionsBlock(
        lab=__version__,
        tvm=tvm_version(),
        tvm_ffi=_version("apache-tvm-ffi"),
        llvm=f"in libtvm_compiler {compiler_digest()}",
        kernels=kernels_digest(family),
    )


def tvm_version() -> str:
    """Return the version of TVM; CompileError when it is not installed."""
    return _version("apache-tvm")


@functools.cache
def kernels_digest(family: str) -> str:
    """Return the sha256 over lab's kernels, passes and the network of a family, by path and content.

    Other families' networks are left out: a new family makes nobody compile anew.
    """
    state, own = hashlib.sha256(), folder_of(family)
    common = {str(path.relative_to(_ROOT)): path for pattern in _SOURCES for path in _ROOT.glob(pattern)}
    network = {f"{family}/{path.name}": path for path in own.glob(_OF_FAMILY)}
    for name, path in sorted({**common, **network}.items()):
        state.update(f"{name}\0".encode())
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
