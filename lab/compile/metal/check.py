"""The checks of a compiled Metal library, all together, as `lab compile` makes them.

Here: what Metal and the runtime ask of a kernel's signature, which no C++ compiler knows, and what an app asks of a
static library for iOS, an archive of arm64 Mach-O objects.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import lief

from lab.compile.contract import Built, Launch
from lab.compile.metal.kernels import Kernel, Parameter, kernels
from lab.compile.metal.limits import limit_faults
from lab.compile.metal.macho import check_dylib
from lab.compile.metal.msl import source_faults
from lab.compile.zig import zig_env
from lab.core.errors import CompileError
from lab.core.proc import run
from lab.core.progress import Progress

TIMEOUT_S = 120.0
_KERNELS = "__tvm_ffi__library_bin"
_POSITIONS = ("threadgroup_position_in_grid", "thread_position_in_threadgroup")
_POSITION_TYPES = ("uint", "uint2", "uint3", "ushort", "ushort2", "ushort3")


def check_library(built: Built, path: Path, mtriple: str, progress: Progress) -> None:
    """Check the kernels of what was `built`, and the library linked at `path`. Raises CompileError with every fault."""
    check_kernels(kernels(built.sources.get("metal", "")), built.launches, progress)
    if "-ios" in mtriple:
        check_archive(path, built.functions)
    else:
        check_dylib(path, built.functions)


def check_kernels(found: tuple[Kernel, ...], launches: Mapping[str, Launch], progress: Progress) -> None:
    """Check source, signature and launch of every kernel. Raises CompileError with every fault."""
    if not found:
        raise CompileError("the compiled library has no Metal kernel")
    with progress.phase("check Metal kernels", len(found), "kernels") as advance:
        faults = []
        for kernel in found:
            faults += [f"{kernel.name}: {fault}" for fault in _faults(kernel, launches)]
            advance(1)
    if faults:
        raise CompileError(
            "Metal would not take these kernels:\n  " + "\n  ".join(faults),
            hint="lab compile --dump-ir FOLDER writes the program that they come from",
        )


def _faults(kernel: Kernel, launches: Mapping[str, Launch]) -> Iterator[str]:
    yield from source_faults(kernel)
    yield from signature_faults(kernel)
    yield from limit_faults(kernel, launches)


def signature_faults(kernel: Kernel) -> list[str]:
    """Return what is wrong with the kernel's parameters, a sentence each.

    The runtime sets buffer n to argument n, so every pointer or reference needs the attribute of its own place.
    """
    memory = [p for p in kernel.parameters if p.in_memory]
    others = [p for p in kernel.parameters if not p.in_memory]
    faults = [fault for place, p in enumerate(memory) if (fault := _buffer_fault(p, place))]
    faults += [fault for p in others if (fault := _position_fault(p))]
    if len({p.type for p in others}) > 1:
        faults.append("its positions have different types: " + ", ".join(p.type for p in others))
    return faults


def _buffer_fault(parameter: Parameter, place: int) -> str:
    if parameter.attribute != "buffer":
        return f"parameter {parameter.name} has no [[ buffer({place}) ]]"
    if parameter.index != place:
        return f"parameter {parameter.name} is [[ buffer({parameter.index}) ]] and the runtime sets buffer {place}"
    return ""


def _position_fault(parameter: Parameter) -> str:
    if parameter.attribute not in _POSITIONS:
        return f"parameter {parameter.name} is neither in memory nor a position: [[ {parameter.attribute} ]]"
    if parameter.type not in _POSITION_TYPES:
        return f"parameter {parameter.name} is a position of type {parameter.type}"
    return ""


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
