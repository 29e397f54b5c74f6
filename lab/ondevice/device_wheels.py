"""TVM's libraries for another processor or system than this machine's, out of the wheels for it: compiled/runtime/."""

from __future__ import annotations

import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.disk import FULL, REFUSED
from lab.core.errors import CompileError
from lab.core.fields import encode
from lab.core.jsonio import digest
from lab.core.progress import Progress
from lab.core.text import said
from lab.formats.bundle import file_entry
from lab.formats.manifest import MANIFEST_NAME
from lab.ondevice.elf import check_elf
from lab.ondevice.macho import check_macho
from lab.ondevice.pip import by_hand, find_wheel, wheel_folder
from lab.ondevice.systems import System
from lab.ondevice.verify_folder import published
from lab.ondevice.wheels import FFI_NAME, RUNTIME_NAME, Wheels

SHELF = "runtime"
MAX_BYTES = 256 << 20  # of one library; they have 3 MB
NEEDED_BYTES = 300 << 20  # while the wheels are there
MEMBERS = {FFI_NAME: "tvm_ffi/lib/libtvm_ffi.so", RUNTIME_NAME: "tvm/lib/libtvm_runtime.so"}
MAC_FFI, MAC_RUNTIME, MAC_METAL = "libtvm_ffi.dylib", "libtvm_runtime.dylib", "libtvm_runtime_metal.dylib"
MAC_MEMBERS = {
    MAC_FFI: f"tvm_ffi/lib/{MAC_FFI}",
    MAC_RUNTIME: f"tvm/lib/{MAC_RUNTIME}",
    MAC_METAL: f"tvm/lib/{MAC_METAL}",
}


@dataclass(frozen=True)
class Origin:
    """Which wheels the libraries come from: `arch` as platform tags of the system name it."""

    system: System
    arch: str
    members: Mapping[str, str]

    @property
    def name(self) -> str:
        """What its folder is called after."""
        return f"{self.system}-{self.arch}"

    def check(self, library: Path, hint: str) -> None:
        """Raise CompileError unless the library can be loaded there."""
        if self.system == "macos":
            check_macho(library, "library", hint=hint)
        else:
            check_elf(library, self.arch, hint=hint)


def device_wheels(own: Wheels, arch: str, compiled: Path, progress: Progress, *, system: System = "linux") -> Wheels:
    """Return `own` with the libraries of the same versions for `arch` (as Linux names it), fetched once.

    They are kept below `compiled`. Raises CompileError where they can't be fetched, or are not what they should be.
    """
    mac = system == "macos"
    origin = Origin(system, "arm64" if mac else arch, MAC_MEMBERS if mac else MEMBERS)
    final = compiled / SHELF / f"{origin.name}--{_key(own, origin)[:12]}"
    if not _is_whole(final, origin):
        with progress.phase(f"fetch TVM's libraries for {_spoken(origin)} (wheels of about 100 MB)"):
            _fetch(own, origin, final)
    if mac:
        return replace(own, ffi=final / MAC_FFI, runtime=final / MAC_RUNTIME, metal=final / MAC_METAL)
    return replace(own, ffi=final / FFI_NAME, runtime=final / RUNTIME_NAME)


def _spoken(origin: Origin) -> str:
    return f"macOS on {origin.arch}" if origin.system == "macos" else origin.arch


def _fetch(own: Wheels, origin: Origin, final: Path) -> None:
    wanted = {"apache-tvm-ffi": own.ffi_version, "apache-tvm": own.tvm_version}
    hint = by_hand(origin.arch, wanted, origin.system)
    with staging_dir(final.parent, final.name, needed_bytes=NEEDED_BYTES) as staging:
        with tempfile.TemporaryDirectory(dir=staging) as download:
            folder = wheel_folder(origin.arch, wanted, Path(download), origin.system)
            for library, member in origin.members.items():
                name = "apache-tvm-ffi" if member.startswith("tvm_ffi/") else "apache-tvm"
                extract(find_wheel(folder, name, wanted[name], origin.arch, origin.system), member, staging / library)
                origin.check(staging / library, hint)
        write_json(staging / MANIFEST_NAME, _manifest(own, origin, staging))
        publish_dir(staging, final, is_whole=partial(_is_whole, origin=origin))


def extract(wheel: Path, member: str, to: Path) -> None:
    """Write one member of a wheel, under its exact name, to `to`. CompileError for a damaged or an odd wheel.

    No name out of the wheel becomes a path, and no more is written than the wheel announces and MAX_BYTES allows.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            if info.file_size > MAX_BYTES:
                raise CompileError(f"{wheel}: {member} has {info.file_size} bytes, at most {MAX_BYTES} are believed")
            with archive.open(info) as source, to.open("wb") as out:
                shutil.copyfileobj(source, out)
    except KeyError as problem:
        raise CompileError(f"{wheel}: has no {member}", hint=_AGAIN) from problem
    except FileNotFoundError as problem:
        raise CompileError(f"{wheel}: cannot be read: {problem.strerror}", hint=_AGAIN) from problem
    except _DAMAGE as problem:
        if isinstance(problem, OSError) and problem.errno in (*FULL, *REFUSED):
            raise
        to.unlink(missing_ok=True)
        raise CompileError(f"{wheel}: damaged: {said(problem)}", hint=_AGAIN) from problem


def _key(own: Wheels, origin: Origin) -> str:
    system = {} if origin.system == "linux" else {"system": origin.system}
    return digest({"arch": origin.arch, "tvm": own.tvm_version, "tvm_ffi": own.ffi_version, **system})


def _manifest(own: Wheels, origin: Origin, folder: Path) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": SHELF,
        "key": _key(own, origin),
        "platform": origin.name,
        "versions": {"tvm": own.tvm_version, "tvm_ffi": own.ffi_version},
        "files": [encode(file_entry(folder / name)) for name in origin.members],
    }


def _is_whole(folder: Path, origin: Origin) -> bool:
    """Whether the libraries there are those that were published; anything else is fetched again."""
    return published(folder) == tuple(origin.members)


_AGAIN = "fetch the wheel again"
# What zipfile raises for a directory or a member that is damaged; a place that lies outside the file is an OSError.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, OverflowError),
    *(NotImplementedError, RuntimeError),
)
