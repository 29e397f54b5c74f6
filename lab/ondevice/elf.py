"""Which processor an ELF file is for: what is sent to a device is looked at before."""

from __future__ import annotations

from pathlib import Path

from lab.core.errors import CompileError

_MACHINES = {62: "x86_64", 183: "aarch64"}
_HEADER_BYTES = 20
_LITTLE_64 = b"\x7fELF\x02\x01"


def check_elf(path: Path, arch: str, *, hint: str | None = None) -> None:
    """Raise CompileError unless the file is an ELF file for `arch` (as uname names it)."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    found = _arch_of(header)
    if found != arch:
        what = f"for {found}" if found else "no 64-bit ELF file of a known processor"
        raise CompileError(f"{path}: is {what}, wanted {arch}", hint=hint)


def arch_of(path: Path) -> str | None:
    """Return the processor that an ELF file is for; None for any other file, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            return _arch_of(file.read(_HEADER_BYTES))
    except OSError:
        return None


def _arch_of(header: bytes) -> str | None:
    if len(header) < _HEADER_BYTES or not header.startswith(_LITTLE_64):
        return None
    return _MACHINES.get(int.from_bytes(header[18:20], "little"))
