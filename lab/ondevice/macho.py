"""What a Mach-O file (macOS) is and asks for: what is sent to a Mac is looked at before.

`lief` reads as far as it can and gives what it found, of a damaged file too. What must be there is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab.compile.metal.code_signature import changed_page, read_signature
from lab.core.errors import CompileError
from lab.ondevice.quiet_lief import quiet_lief

if TYPE_CHECKING:
    import lief

Kind = Literal["executable", "library"]

MAX_SIGNATURE_BYTES = 64 << 20  # a library of 200 MB has 2 MB
_HEADER_BYTES = 32


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


@quiet_lief()
def read_macho(path: Path, *, hint: str | None = None) -> MachO:
    """Return what the file's header and load commands say; CompileError where it is none for arm64, or damaged."""
    import lief

    fat = _parsed(path, hint)
    binary = _of_64_bits(fat)
    if binary is None:
        raise CompileError(f"{path}: is no 64-bit Mach-O file", hint=hint)
    kinds: dict[object, Kind] = {
        lief.MachO.Header.FILE_TYPE.EXECUTE: "executable",
        lief.MachO.Header.FILE_TYPE.DYLIB: "library",
    }
    kind = kinds.get(binary.header.file_type)
    if int(binary.header.cpu_type) != int(lief.MachO.Header.CPU_TYPE.ARM64) or kind is None:
        raise CompileError(f"{path}: is a Mach-O file of another processor or kind, wanted arm64", hint=hint)
    try:
        found = _described(kind, binary)
        _check_whole(binary, found, path.stat().st_size)
    except ValueError as problem:
        raise CompileError(f"{path}: damaged: {problem}", hint=hint) from problem
    return found


def _parsed(path: Path, hint: str | None) -> lief.MachO.FatBinary | None:
    import lief

    size_bytes = path.stat().st_size
    if size_bytes and lief.MachO.is_fat(str(path)):
        raise CompileError(f"{path}: is a universal file for several processors, wanted arm64 alone", hint=hint)
    return lief.MachO.parse(str(path), lief.MachO.ParserConfig.quick) if size_bytes >= _HEADER_BYTES else None


def _of_64_bits(fat: lief.MachO.FatBinary | None) -> lief.MachO.Binary | None:
    import lief

    binary = None if fat is None else fat.at(0)
    return binary if binary is not None and int(binary.header.magic) == int(lief.MachO.MACHO_TYPES.MAGIC_64) else None


def _described(kind: Kind, binary: lief.MachO.Binary) -> MachO:
    """Raises ValueError where a name is no text."""
    import lief

    own = lief.MachO.LoadCommand.TYPE.ID_DYLIB
    names = [(library.command == own, str(library.name)) for library in binary.libraries]
    build, signature = binary.build_version, binary.code_signature
    macos = build is not None and int(build.platform) == int(lief.MachO.BuildVersion.PLATFORMS.MACOS)
    return MachO(
        kind=kind,
        name=next((name for is_own, name in names if is_own), None),
        libraries=tuple(name for is_own, name in names if not is_own),
        rpaths=tuple(str(one.path) for one in binary.rpaths),
        min_macos=".".join(map(str, build.minos[:2])) if build is not None and macos else None,
        signature=None if signature is None else (signature.data_offset, signature.data_size),
    )


def _check_whole(binary: lief.MachO.Binary, found: MachO, size_bytes: int) -> None:
    """Raise ValueError where lief could not read all that the header announces."""
    commands = list(binary.commands)
    header = (binary.header.nb_cmds, binary.header.sizeof_cmds)
    if header != (len(commands), sum(command.size for command in commands)):
        raise ValueError("its load commands are not all there")
    if not all((found.name is None or found.name, *found.libraries, *found.rpaths)):
        raise ValueError("a name lies outside of its load command")
    if found.signature is not None and sum(found.signature) > size_bytes:
        raise ValueError("the code signature lies behind its end")
