"""TVM's libraries for a device with another processor, out of the wheels for it: kept in compiled/runtime/."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.bundle import file_entry
from lab.core.errors import CompileError, LabError
from lab.core.fields import encode
from lab.core.jsonio import digest, read_json
from lab.core.progress import Progress
from lab.ondevice.elf import check_elf
from lab.ondevice.pip import by_hand, find_wheel, wheel_folder
from lab.ondevice.wheels import FFI_NAME, RUNTIME_NAME, Wheels

SHELF = "runtime"
MANIFEST = "manifest.json"
MAX_BYTES = 256 << 20  # of one library; they have 3 MB
NEEDED_BYTES = 300 << 20  # while the wheels are there
MEMBERS = {FFI_NAME: "tvm_ffi/lib/libtvm_ffi.so", RUNTIME_NAME: "tvm/lib/libtvm_runtime.so"}


def device_wheels(own: Wheels, arch: str, compiled: Path, progress: Progress) -> Wheels:
    """Return `own` with the libraries of the same versions for `arch`, fetched once below `compiled`.

    Raises CompileError where they can't be fetched, or are not what they should be.
    """
    final = compiled / SHELF / f"linux-{arch}--{_key(own, arch)[:12]}"
    if not _is_whole(final):
        with progress.phase(f"fetch TVM's libraries for {arch} (wheels of about 100 MB)"):
            _fetch(own, arch, final)
    return replace(own, ffi=final / FFI_NAME, runtime=final / RUNTIME_NAME)


def _fetch(own: Wheels, arch: str, final: Path) -> None:
    wanted = {"apache-tvm-ffi": own.ffi_version, "apache-tvm": own.tvm_version}
    with staging_dir(final.parent, final.name, needed_bytes=NEEDED_BYTES) as staging:
        with tempfile.TemporaryDirectory(dir=staging) as download:
            folder = wheel_folder(arch, wanted, Path(download))
            for (name, version), library in zip(wanted.items(), MEMBERS, strict=True):
                extract(find_wheel(folder, name, version, arch), MEMBERS[library], staging / library)
                check_elf(staging / library, arch, hint=by_hand(arch, wanted))
        write_json(staging / MANIFEST, _manifest(own, arch, staging))
        publish_dir(staging, final, is_whole=_is_whole)


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
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as problem:
        raise CompileError(f"{wheel}: damaged: {problem}", hint=_AGAIN) from problem
    except FileNotFoundError as problem:
        raise CompileError(f"{wheel}: cannot be read: {problem.strerror}", hint=_AGAIN) from problem


def _key(own: Wheels, arch: str) -> str:
    return digest({"arch": arch, "tvm": own.tvm_version, "tvm_ffi": own.ffi_version})


def _manifest(own: Wheels, arch: str, folder: Path) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": SHELF,
        "key": _key(own, arch),
        "platform": f"linux-{arch}",
        "versions": {"tvm": own.tvm_version, "tvm_ffi": own.ffi_version},
        "files": [encode(file_entry(folder / name)) for name in MEMBERS],
    }


def _is_whole(folder: Path) -> bool:
    """Whether the libraries there are those that were published; anything else is fetched again."""
    try:
        document = read_json(folder / MANIFEST, error=CompileError)
        return bool(document["files"] == [encode(file_entry(folder / name)) for name in MEMBERS])
    except (LabError, OSError, KeyError, TypeError):
        return False


_AGAIN = "fetch the wheel again"
