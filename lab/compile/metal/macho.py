"""Checks of a linked library for macOS, on any machine: its header, load commands, symbols and signature.

An arm64 Mac runs only signed code. The linker signs ad hoc, over the file's pages as they are: whatever rewrites the
file afterwards (strip, install_name_tool, a patched byte) must sign it again.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import lief

from lab.compile.metal.code_signature import changed_page, read_signature
from lab.core.errors import CompileError

INSTALL_NAME = "@rpath/model.so"
SYSTEM = "/usr/lib/libSystem.B.dylib"
# What TVM's module loader looks up: the packed kernels, and where their context goes.
_LOADER_SYMBOLS = ("__tvm_ffi__library_bin", "__tvm_ffi__library_ctx")
_ANY_LIBRARY = -2  # of a binding that searches every library in the process
_RUNTIME_PREFIX = "_TVMFFI"  # found in the runtime that is loaded already


def check_dylib(path: Path, functions: Collection[str]) -> None:
    """Raise CompileError with everything that is wrong with the library; `functions` are looked up by the runtime."""
    lief.logging.disable()
    fat = lief.MachO.parse(str(path))
    if fat is None or len(fat) != 1:
        raise CompileError(f"{path.name} is not a Mach-O file of one architecture")
    binary = fat.at(0)
    assert binary is not None
    faults = [*_header_faults(binary), *_load_faults(binary), *_symbol_faults(binary, functions)]
    faults += _signature_faults(binary, path.read_bytes())
    if faults:
        raise CompileError(f"{path.name} would not load on a Mac:\n  " + "\n  ".join(faults))


def _header_faults(binary: lief.MachO.Binary) -> list[str]:
    header, faults = binary.header, []
    if (header.magic, header.cpu_type) != (lief.MachO.MACHO_TYPES.MAGIC_64, lief.MachO.Header.CPU_TYPE.ARM64):
        faults.append("it is not 64-bit arm64 code")
    if header.file_type != lief.MachO.Header.FILE_TYPE.DYLIB:
        faults.append(f"it is no dynamic library but {header.file_type.name}")
    build = binary.build_version
    if build is None or build.platform != lief.MachO.BuildVersion.PLATFORMS.MACOS or not any(build.minos):
        faults.append("it does not say the oldest macOS that it runs on (LC_BUILD_VERSION)")
    return faults


def _load_faults(binary: lief.MachO.Binary) -> list[str]:
    """Its own name is found by the loader's path, and nothing but the system is loaded along with it."""
    names = {command.command: str(command.name) for command in binary.libraries}
    own = names.get(lief.MachO.LoadCommand.TYPE.ID_DYLIB, "")
    others = sorted({str(command.name) for command in binary.libraries} - {own, SYSTEM})
    faults = [f"it needs {name}, which is not part of macOS" for name in others]
    if own != INSTALL_NAME:
        faults.append(f"its own name is {own!r}, not {INSTALL_NAME!r}")
    return faults


def _symbol_faults(binary: lief.MachO.Binary, functions: Collection[str]) -> list[str]:
    exported = {str(symbol.name).removeprefix("_") for symbol in binary.exported_symbols}
    wanted = (*_LOADER_SYMBOLS, *(f"__tvm_ffi_{name}" for name in functions))
    faults = [f"it does not export {name}, which the runtime looks up" for name in wanted if name not in exported]
    return faults + [fault for binding in binary.bindings if (fault := _binding_fault(binding, exported))]


def _binding_fault(binding: lief.MachO.BindingInfo, exported: Collection[str]) -> str:
    """Whatever the code refers to is bound to a library, is TVM's (any loaded library), or is the file's own."""
    name = "" if binding.symbol is None else str(binding.symbol.name)
    if binding.has_library or (binding.library_ordinal == _ANY_LIBRARY and name.startswith(_RUNTIME_PREFIX)):
        return ""
    if binding.weak_import and name.removeprefix("_") in exported:
        return ""
    return f"symbol {name.removeprefix('_')} is neither macOS's nor TVM's nor its own"


def _signature_faults(binary: lief.MachO.Binary, data: bytes) -> list[str]:
    signature = binary.code_signature
    if signature is None or signature.data_size == 0:
        return ["it is not signed (LC_CODE_SIGNATURE), and an arm64 Mac runs only signed code"]
    if signature.data_offset + signature.data_size != len(data):
        return ["its signature is not the end of the file: something was appended after signing"]
    try:
        signed = read_signature(data[signature.data_offset :])
    except ValueError as problem:
        return [f"its signature can't be read: {problem}"]
    if changed_page(signed, io.BytesIO(data)) is not None:
        return ["it was changed after it was signed, and a Mac would end the process: sign it again"]
    return []
