"""Checks of a static library for iOS: an archive of arm64 Mach-O objects that an app can link."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import lief

from lab.compile.zig import zig_env
from lab.core.errors import CompileError
from lab.core.proc import run

TIMEOUT_S = 120.0
_KERNELS = "__tvm_ffi__library_bin"


def check_archive(path: Path, functions: Collection[str]) -> None:
    """Raise CompileError with all that is wrong with the archive; the runtime looks up `functions`."""
    lief.logging.disable()
    with tempfile.TemporaryDirectory(prefix="lab-archive-") as folder:
        members = {member.name: _binary(member) for member in _extracted(path, Path(folder))}
    faults = [f"{name}: {fault}" for name, binary in members.items() for fault in _object_faults(binary)]
    defined = {name for binary in members.values() if binary for name in _defined(binary)}
    wanted = (_KERNELS, *(f"__tvm_ffi_{name}" for name in functions))
    faults += [f"no object has {name}, which the runtime looks up" for name in wanted if name not in defined]
    if faults:
        raise CompileError(f"{path.name} can't be linked into an app:\n  " + "\n  ".join(faults))


def _extracted(path: Path, folder: Path) -> list[Path]:
    with zig_env() as env:
        argv = [sys.executable, "-m", "ziglang", "ar", "x", str(path.resolve())]
        done = run(argv, timeout_s=TIMEOUT_S, env=env, cwd=folder)
    if done.code != 0:
        raise CompileError(f"{path.name} is not an archive: {done.stderr.strip()[-500:]}")
    return sorted(folder.iterdir())


def _binary(path: Path) -> lief.MachO.Binary | None:
    fat = lief.MachO.parse(str(path))
    return fat.at(0) if fat is not None and len(fat) == 1 else None


def _object_faults(binary: lief.MachO.Binary | None) -> Iterator[str]:
    if binary is None or binary.header.cpu_type != lief.MachO.Header.CPU_TYPE.ARM64:
        yield "it is not a Mach-O object for arm64"
    elif binary.header.file_type != lief.MachO.Header.FILE_TYPE.OBJECT:
        yield f"it is no object but {binary.header.file_type.name}"
    elif binary.build_version is None or binary.build_version.platform != lief.MachO.BuildVersion.PLATFORMS.IOS:
        yield "it does not say that it is for iOS (LC_BUILD_VERSION)"


def _defined(binary: lief.MachO.Binary) -> set[str]:
    external = (symbol for symbol in binary.symbols if symbol.category == lief.MachO.Symbol.CATEGORY.EXTERNAL)
    return {str(symbol.name).removeprefix("_") for symbol in external}
