"""What a Mach-O file (macOS) is and asks for: what is sent to a Mac is looked at before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.compile.metal.code_signature import changed_page, read_signature
from lab.core.errors import CompileError

Kind = Literal["executable", "library"]

_KINDS: dict[int, Kind] = {2: "executable", 6: "library"}
_ARM64 = 0x0100000C
_LITTLE_64, _UNIVERSAL = b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"
_HEADER_BYTES = 32
MAX_SIGNATURE_BYTES = 64 << 20  # a library of 200 MB has 2 MB
MAX_COMMAND_BYTES = 1 << 20  # of all load commands; a library has a few thousand
_LOAD_DYLIB, _LOAD_WEAK_DYLIB, _REEXPORT_DYLIB = 0x0C, 0x80000018, 0x8000001F
_ID_DYLIB, _RPATH, _BUILD_VERSION, _CODE_SIGNATURE = 0x0D, 0x8000001C, 0x32, 0x1D
_MACOS = 1  # platform of LC_BUILD_VERSION


@dataclass(frozen=True)
class MachO:
    """A Mach-O file for arm64: the libraries that it loads by name, where it looks for them, its oldest macOS.

    `name` is what a library is loaded by. `signature` is where the code signature lies and its bytes: arm64 macOS asks
    one of every program and library, and one that a linker made needs no certificate.
    """

    kind: Kind
    name: str | None
    libraries: tuple[str, ...]
    rpaths: tuple[str, ...]
    min_macos: str | None
    signature: tuple[int, int] | None


def check_macho(path: Path, kind: Kind, *, hint: str | None = None) -> MachO:
    """Return what the file is; CompileError unless it is a signed Mach-O file of that kind for macOS on arm64."""
    found = read_macho(path, hint=hint)
    if found.kind != kind:
        raise CompileError(f"{path}: is a Mach-O {found.kind}, wanted: {kind}", hint=hint)
    if found.min_macos is None:
        raise CompileError(f"{path}: is not for macOS", hint=hint)
    problem = _signature_problem(path, *found.signature) if found.signature else "there is none"
    if problem is not None:
        raise CompileError(f"{path}: macOS would refuse its code signature: {problem}", hint=hint)
    return found


def _signature_problem(path: Path, start: int, size_bytes: int) -> str | None:
    """Return what is wrong with the signature that lies at `start` of the file; None when every page is as signed."""
    if size_bytes > MAX_SIGNATURE_BYTES:
        return f"a signature of {size_bytes} bytes is not believed"
    with path.open("rb") as file:
        file.seek(start)
        try:
            signed = read_signature(file.read(size_bytes))
        except ValueError as problem:
            return f"it is damaged: {problem}"
        if signed.code_bytes != start:
            return f"{signed.code_bytes} of {start} bytes are signed"
        page = changed_page(signed, file)
    return None if page is None else f"page {page} is another than was signed"


def read_macho(path: Path, *, hint: str | None = None) -> MachO:
    """Return what the file's header and load commands say; CompileError where it is none for arm64, or damaged."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if header.startswith(_UNIVERSAL):
            raise CompileError(f"{path}: is a universal file for several processors, wanted arm64 alone", hint=hint)
        if len(header) < _HEADER_BYTES or not header.startswith(_LITTLE_64):
            raise CompileError(f"{path}: is no 64-bit Mach-O file", hint=hint)
        cpu, kind, size_bytes = (_word(header, at) for at in (4, 12, 20))
        if cpu != _ARM64 or kind not in _KINDS:
            raise CompileError(f"{path}: is a Mach-O file of another processor or kind, wanted arm64", hint=hint)
        if size_bytes > MAX_COMMAND_BYTES:
            raise CompileError(f"{path}: {size_bytes} bytes of load commands are not believed", hint=hint)
        body = file.read(size_bytes)
    try:
        return _described(_KINDS[kind], list(_commands(body, _word(header, 16))), path.stat().st_size)
    except (ValueError, UnicodeDecodeError) as problem:
        raise CompileError(f"{path}: damaged: {problem}", hint=hint) from problem


def _described(kind: Kind, commands: list[tuple[int, bytes]], size_bytes: int) -> MachO:
    loads = (_LOAD_DYLIB, _LOAD_WEAK_DYLIB, _REEXPORT_DYLIB)
    return MachO(
        kind=kind,
        name=next((_text(body, 8) for command, body in commands if command == _ID_DYLIB), None),
        libraries=tuple(_text(body, 8) for command, body in commands if command in loads),
        rpaths=tuple(_text(body, 8) for command, body in commands if command == _RPATH),
        min_macos=next((_version(body) for command, body in commands if _is_macos(command, body)), None),
        signature=next(
            (_signature(body, size_bytes) for command, body in commands if command == _CODE_SIGNATURE), None
        ),
    )


def _commands(body: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    """Yield each load command with all its bytes."""
    at = 0
    for _ in range(count):
        size_bytes = _word(body, at + 4)
        if size_bytes < 16 or at + size_bytes > len(body):
            raise ValueError("a load command does not fit")
        yield _word(body, at), body[at : at + size_bytes]
        at += size_bytes


def _text(command: bytes, at: int) -> str:
    """Return the text whose offset in the command is the word at `at`."""
    start = _word(command, at)
    if not 12 <= start < len(command):
        raise ValueError("a name lies outside of its load command")
    return command[start:].partition(b"\0")[0].decode("ascii")


def _is_macos(command: int, body: bytes) -> bool:
    return command == _BUILD_VERSION and _word(body, 8) == _MACOS


def _version(command: bytes) -> str:
    packed = _word(command, 12)
    return f"{packed >> 16}.{packed >> 8 & 0xFF}"


def _signature(command: bytes, size_bytes: int) -> tuple[int, int]:
    start, length = _word(command, 8), _word(command, 12)
    if start + length > size_bytes:
        raise ValueError("the code signature lies behind its end")
    return start, length


def _word(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise ValueError("it ends too early")
    return int.from_bytes(data[at : at + 4], "little")
