"""A C library to carry along, for devices whose own is another: an Android phone has no glibc.

docs/decisions/0016-carried-runner.md says why it is done this way.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from lab.core.errors import CompileError
from lab.ondevice.elf import check_elf

SYSROOT = "LAB_ARM64_SYSROOT"
LOADERS = {"aarch64": "ld-linux-aarch64.so.1", "x86_64": "ld-linux-x86-64.so.2"}
# All that the runner, TVM's libraries and a compiled model ask for.
LIBRARIES = (
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "libstdc++.so.6",
    "libgcc_s.so.1",
)
PACKAGES = "libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross"


def carried(arch: str) -> tuple[Path, ...]:
    """Return the loader for `arch` and, behind it, the libraries to lay beside the runner.

    All are of one place, because loader and library must fit: $LAB_ARM64_SYSROOT, Debian's folder for cross
    compilers, or this machine itself where it has the device's processor. Raises CompileError when there is none.
    """
    for folders in _places(arch):
        found = [_find(folders, name) for name in (LOADERS[arch], *LIBRARIES)]
        files = tuple(path for path in found if path is not None)
        if len(files) == len(found):
            for path in files:
                check_elf(path, arch)
            return files
    raise CompileError(f'[compile].libc = "carried": no C library for {arch} on this machine', hint=_hint(arch))


def _places(arch: str) -> Iterator[list[Path]]:
    """Yield the folders of each place; one that the user names is the only one."""
    triple = f"{arch}-linux-gnu"
    chosen = os.environ.get(SYSROOT) if arch == "aarch64" else None
    if chosen:
        yield _folders(Path(chosen), triple)
        return
    yield [Path("/usr") / triple / "lib"]
    if sys.platform == "linux" and platform.machine() == arch:
        yield _folders(Path("/"), triple)


def _folders(root: Path, triple: str) -> list[Path]:
    inside = [f"lib/{triple}", f"usr/lib/{triple}", "lib64", "usr/lib64", "lib", "usr/lib"]
    return [root, *(root / name for name in inside)]


def _find(folders: list[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _hint(arch: str) -> str:
    if arch != "aarch64":
        return f"it is taken from a machine with {arch} and glibc"
    return f"apt-get install {PACKAGES}, or set {SYSROOT} to a folder with {LOADERS[arch]} and {', '.join(LIBRARIES)}"
