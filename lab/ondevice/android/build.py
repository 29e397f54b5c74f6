"""`lab toolchain android`: the runner and its libraries for phones, built once and kept in compiled/toolchain/."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.errors import CompileError
from lab.core.fields import encode
from lab.core.file_digest import file_sha256
from lab.core.home import compiled_dir
from lab.core.jsonio import digest
from lab.core.proc import run
from lab.core.progress import NullProgress, Progress
from lab.formats.bundle import file_entry
from lab.formats.manifest import MANIFEST_NAME
from lab.ondevice.android.ndk import API, CXX_LIBRARY, Ndk, find_ndk
from lab.ondevice.android.parts import BINARY, FLAGS, LINK, PACKAGE, PAGE_BYTES, PLUGIN_NAME, Part, own_sources, parts
from lab.ondevice.android.tvm_source import tvm_source
from lab.ondevice.elf import check_elf, read_dynamic
from lab.ondevice.opencl.headers import opencl_headers
from lab.ondevice.verify_folder import published, read_published
from lab.ondevice.wheels import FFI_NAME, RUNTIME_NAME, Wheels, find_wheels

SHELF = "toolchain"
ABI = "arm64-v8a"
TIMEOUT_S = 1800.0
TAIL_LINES = 30
# What a phone has for every program (https://developer.android.com/ndk/guides/stable_apis).
SYSTEM = frozenset({"libc.so", "libm.so", "libdl.so", "liblog.so"})


@dataclass(frozen=True)
class Toolchain:
    """What was built for phones, and the NDK's revision."""

    folder: Path
    key: str
    ndk: str
    versions: dict[str, str]

    @property
    def binary(self) -> Path:
        """The runner."""
        return self.folder / BINARY

    @property
    def libs(self) -> tuple[Path, ...]:
        """The libraries that go beside the runner: tvm_ffi, TVM's runtime, the C++ library."""
        return tuple(self.folder / name for name in (FFI_NAME, RUNTIME_NAME, CXX_LIBRARY))

    @property
    def plugin(self) -> Path:
        """The OpenCL plug-in."""
        return self.folder / PLUGIN_NAME


def require_tools(progress: Progress) -> None:
    """Raise CompileError where `toolchain` could not begin: no NDK, no headers of OpenCL, no source of TVM.

    That source is fetched if need be.
    """
    ndk, wheels = find_ndk(), find_wheels()
    final = _final(compiled_dir() / SHELF, _key(ndk, wheels))
    if not _is_whole(final):
        opencl_headers()
        tvm_source(None, wheels, final.parent, progress)


def toolchain(
    progress: Progress | None = None, *, source: Path | None = None, out_root: Path | None = None
) -> Toolchain:
    """Return what phones need, built with the user's NDK if it is not there yet; below `out_root` (default compiled/).

    `source` is TVM's source, a folder or an archive: see `tvm_source`. Raises CompileError: no NDK, an old one, no
    source of TVM, or the end of what the compiler said.
    """
    ndk, wheels = find_ndk(), find_wheels()
    shelf = (out_root or compiled_dir()) / SHELF
    key = _key(ndk, wheels)
    final = _final(shelf, key)
    if not _is_whole(final):
        _build(ndk, wheels, key, final, source, progress or NullProgress())
    return Toolchain(final, key, ndk.revision, dict(read_published(final).versions))


def _final(shelf: Path, key: str) -> Path:
    return shelf / f"android-arm64--{key[:12]}"


def _key(ndk: Ndk, wheels: Wheels) -> str:
    sources = {str(path.relative_to(PACKAGE)): file_sha256(path) for path in own_sources()}
    versions = {"tvm": wheels.tvm_version, "tvm_ffi": wheels.ffi_version, "ndk": ndk.revision}
    return digest({"abi": ABI, "api": API, "flags": [*FLAGS, *LINK], "sources": sources, **versions})


def _build(ndk: Ndk, wheels: Wheels, key: str, final: Path, source: Path | None, progress: Progress) -> None:
    tree = tvm_source(source, wheels, final.parent, progress)
    with staging_dir(final.parent, final.name) as staging:
        made = parts(tree, wheels)
        for part in made:
            with progress.phase(f"build {part.name} for Android (NDK {ndk.revision})"):
                _compile(part, ndk, staging)
        shutil.copyfile(ndk.cxx_library, staging / CXX_LIBRARY)
        names = [*(part.name for part in made), CXX_LIBRARY]
        _check(staging, names, progress)
        write_json(staging / MANIFEST_NAME, _manifest(ndk, wheels, key, staging, names))
        publish_dir(staging, final, is_whole=_is_whole)


def _compile(part: Part, ndk: Ndk, staging: Path) -> None:
    with _headers(part, staging / "include") as words:
        done = run([str(ndk.compiler), *words, *part.words(staging)], timeout_s=TIMEOUT_S, cwd=staging)
    if done.code != 0 or not (staging / part.name).is_file():
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-TAIL_LINES:])
        raise CompileError(
            f"{part.name} could not be built with NDK {ndk.revision}, exit code {done.code}\n{tail}",
            hint=f"the compiler is {ndk.compiler}; NDK r27 or newer is the one to try",
        )


@contextmanager
def _headers(part: Part, folder: Path) -> Iterator[list[str]]:
    """Lay out the part's single folders of headers for the time of the build, and yield the words that name them."""
    if not part.headers:
        yield []
        return
    folder.mkdir()
    for name, real in part.headers.items():
        (folder / name).symlink_to(real, target_is_directory=True)
    yield ["-isystem", str(folder)]
    shutil.rmtree(folder)


def _check(folder: Path, names: list[str], progress: Progress) -> None:
    """Raise CompileError for a file that no phone could load, so that it is never sent."""
    known = SYSTEM | set(names)
    for name in names:
        check_elf(folder / name, "aarch64", hint="is the NDK's compiler the one for arm64?")
        found = read_dynamic(folder / name)
        strange = sorted(set(found.needed) - known)
        if strange:
            raise CompileError(f"{name}: needs {', '.join(strange)}, which a phone does not have")
        if found.page_bytes % PAGE_BYTES:
            pages = f"{name} is laid out for pages of {found.page_bytes} bytes"
            if name != CXX_LIBRARY:
                raise CompileError(f"{pages}, not of {PAGE_BYTES}")
            progress.note(f"{pages}: it is the NDK's own; a phone with pages of {PAGE_BYTES} needs a newer NDK")


def _manifest(ndk: Ndk, wheels: Wheels, key: str, folder: Path, names: list[str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": SHELF,
        "key": key,
        "platform": f"android-{ABI}",
        "api": API,
        "versions": {"tvm": wheels.tvm_version, "tvm_ffi": wheels.ffi_version, "ndk": ndk.revision},
        "files": [encode(file_entry(folder / name)) for name in names],
    }


def _is_whole(folder: Path) -> bool:
    """Whether the files there are those that were published; anything else is built again."""
    return bool(published(folder))
