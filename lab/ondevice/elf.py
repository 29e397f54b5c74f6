"""What an ELF file is for and what it asks of whoever loads it: what is sent to a device is looked at before.

`lief` reads as far as it can and gives what it found, of a damaged file too. What must be there is checked here.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.core.errors import CompileError
from lab.ondevice.quiet_lief import quiet_lief

if TYPE_CHECKING:
    import lief

_HEADER_BYTES = 64


@dataclass(frozen=True)
class Dynamic:
    """`soname` is empty where there is none; `page_bytes` is the largest page it can be loaded with."""

    soname: str
    needed: tuple[str, ...]
    page_bytes: int


def check_elf(path: Path, arch: str, *, hint: str | None = None) -> None:
    """Raise CompileError unless the file is an ELF file for `arch` (as uname names it)."""
    with path.open("rb") as file:
        actual = _arch_of(file.read(_HEADER_BYTES))
    if actual != arch:
        what = f"for {actual}" if actual else "no 64-bit ELF file of a known processor"
        raise CompileError(f"{path}: is {what}, wanted {arch}", hint=hint)


def arch_of(path: Path) -> str | None:
    """Return the processor that an ELF file is for; None for any other file, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            return _arch_of(file.read(_HEADER_BYTES))
    except OSError:
        return None


@quiet_lief()
def read_dynamic(path: Path) -> Dynamic:
    """Read a 64-bit little-endian ELF file (`check_elf` says whether it is one); CompileError for a damaged one."""
    import lief

    binary = _parsed(path)
    try:
        entries = list(binary.dynamic_entries)
        needed = tuple(str(one.name) for one in entries if isinstance(one, lief.ELF.DynamicEntryLibrary))
        sonames = [str(one.name) for one in entries if isinstance(one, lief.ELF.DynamicSharedObject)]
        _check_dynamic(binary, [*needed, *sonames])
    except ValueError as problem:
        raise CompileError(f"{path}: damaged ELF file: {problem}") from problem
    pages = [segment.alignment for segment in binary.segments if segment.type == lief.ELF.Segment.TYPE.LOAD]
    return Dynamic(next(iter(sonames), ""), needed, min(pages, default=0))


@quiet_lief()
def read_interpreter(path: Path) -> str:
    """Return the loader that the kernel starts an ELF program with; empty for a static one, or no ELF program."""
    try:
        binary = _parsed(path)
        return str(binary.interpreter) if binary.has_interpreter else ""
    except (CompileError, ValueError):
        return ""


@quiet_lief()
def _arch_of(header: bytes) -> str | None:
    import lief

    binary = lief.ELF.parse(io.BytesIO(header)) if len(header) == _HEADER_BYTES else None
    kinds = (lief.ELF.Header.CLASS.ELF64, lief.ELF.Header.ELF_DATA.LSB)
    if binary is None or (binary.header.identity_class, binary.header.identity_data) != kinds:
        return None
    names = {lief.ELF.ARCH.X86_64: "x86_64", lief.ELF.ARCH.AARCH64: "aarch64"}
    return names.get(binary.header.machine_type)


def _parsed(path: Path) -> lief.ELF.Binary:
    """Return the file without its symbols; CompileError where a part that its header names lies behind its end."""
    import lief

    config = lief.ELF.ParserConfig()
    for part in ("relocations", "dyn_symbols", "symtab_symbols", "symbol_versions", "notes", "overlay"):
        setattr(config, f"parse_{part}", False)
    size_bytes = path.stat().st_size
    binary = lief.ELF.parse(str(path), config) if size_bytes >= _HEADER_BYTES else None
    if binary is None or len(binary.segments) != binary.header.numberof_segments:
        raise CompileError(f"{path}: damaged ELF file: its segments are not all there")
    if any(segment.file_offset + segment.physical_size > size_bytes for segment in binary.segments):
        raise CompileError(f"{path}: damaged ELF file: a segment ends behind the end of the file")
    return binary


def _check_dynamic(binary: lief.ELF.Binary, names: list[str]) -> None:
    """Raise ValueError where lief could not read all of the dynamic section."""
    import lief

    dynamic = [segment for segment in binary.segments if segment.type == lief.ELF.Segment.TYPE.DYNAMIC]
    if dynamic and not binary.has(lief.ELF.DynamicEntry.TAG.NULL):
        raise ValueError("its dynamic section has no end")
    texts = binary.get(lief.ELF.DynamicEntry.TAG.STRTAB)
    at = -1 if texts is None else texts.value
    inside = any(one.virtual_address <= at < one.virtual_address + one.physical_size for one in binary.segments)
    if names and (not all(names) or not inside):
        raise ValueError("a name lies outside of it")
