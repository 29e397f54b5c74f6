"""The runner's binary for an ABI: built once per sources, compiler and TVM, kept in compiled/runner/."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.core.errors import CompileError
from lab.core.home import compiled_dir
from lab.core.progress import NullProgress, Progress
from lab.ondevice import native
from lab.ondevice.android.build import toolchain
from lab.ondevice.bundled_libc import LOADERS, carried
from lab.ondevice.compilers import compilers, is_own
from lab.ondevice.device_wheels import device_wheels
from lab.ondevice.elf import arch_of, read_interpreter
from lab.ondevice.macho import check_macho
from lab.ondevice.native import Recipe, built
from lab.ondevice.systems import ANDROID_TRIPLE, Platform, platform_of
from lab.ondevice.wheels import Wheels, find_wheels

SOURCES = Path(__file__).resolve().parent / "src"
BINARY = "lab-bench"

# TVM_FFI_DLL and the visibility keep the type information of TVM's exception class inside the binary. Exported,
# it would take the place of TVM's own, and with ziglang's C++ library TVM could not catch what it throws.
# fmt: off
FLAGS = ("-std=c++17", "-O2", "-g0", "-DNDEBUG", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-DTVM_FFI_DLL=")
# fmt: on
LINK = {
    "linux-gnu": ("-s", "-Wl,-rpath,$ORIGIN", "-ldl", "-lpthread"),
    "macos": ("-s", "-Wl,-rpath,@executable_path"),
}


@dataclass(frozen=True)
class RunnerFiles:
    """The runner and the libraries it needs beside it on a device: libtvm_ffi and libtvm_runtime, .so or .dylib.

    `plugin` is the library of the runtime that brings a GPU, where there is one: it is loaded behind the runtime.
    `carried` is empty, or the loader that starts the runner and the C and C++ libraries that it loads, where the
    device's own are not used; `libc_reason` says why, where the device and not the target file is the reason.
    """

    binary: Path
    libs: tuple[Path, ...]
    key: str
    compiler: str
    versions: dict[str, str]
    carried: tuple[Path, ...] = ()
    plugin: Path | None = None
    libc_reason: str = ""

    @property
    def runs_on_glibc(self) -> bool:
        """Whether a C library can be brought along for it: not for a Mac's, nor for Android's own."""
        return self.interpreter.rpartition("/")[2] in LOADERS.values()

    @property
    def interpreter(self) -> str:
        """The loader that the kernel starts it with; empty where it names none, as on a Mac."""
        return read_interpreter(self.binary) if arch_of(self.binary) else ""

    def described(self) -> dict[str, str]:
        """Return what a record says of it."""
        libc = {"libc": "carried", "libc_reason": self.libc_reason} if self.libc_reason else {}
        return {"key": self.key, "compiler": self.compiler, **self.versions, **libc}

    @property
    def runtime(self) -> Path:
        """The library for `--runtime`."""
        return self.libs[1]

    @property
    def search_variable(self) -> str:
        """The variable by which the device's loader is told where libraries lie."""
        return "DYLD_LIBRARY_PATH" if self.runtime.suffix == ".dylib" else "LD_LIBRARY_PATH"

    def env(self) -> dict[str, str]:
        """Variables to add where the libraries lie at their own places, as on this machine."""
        folders = [str(self.libs[0].parent), os.environ.get("LD_LIBRARY_PATH", "")]
        return {"LD_LIBRARY_PATH": ":".join(filter(None, folders))}


def runner(
    mtriple: str,
    progress: Progress | None = None,
    *,
    libc: Literal["device", "carried"] = "device",
    out_root: Path | None = None,
) -> RunnerFiles:
    """Return the runner for `mtriple`, built if need be below `out_root` (default compiled/).

    `libc` says whose C library it runs on: see CompileSpec. For another processor than this machine's, TVM's libraries
    for it are fetched; for Android the user's NDK builds all (lab.ondevice.android). Raises CompileError with the end
    of the compiler's output, or for a triple that there is no runner for.
    """
    if mtriple == ANDROID_TRIPLE:
        return _android(libc, progress, out_root)
    platform = platform_of(mtriple)
    root, quiet = out_root or compiled_dir(), progress or NullProgress()
    beside = _beside(platform, mtriple) if libc == "carried" else ()
    wheels = wheels_for(platform, root, quiet)
    made = built(_recipe(platform, wheels), compilers(platform.abi), root, quiet)
    return RunnerFiles(
        binary=made.file,
        libs=(wheels.ffi, wheels.runtime),
        key=made.key,
        compiler=made.compiler,
        versions={"tvm": wheels.tvm_version, "tvm_ffi": wheels.ffi_version},
        carried=beside,
        plugin=wheels.metal,
    )


def is_built(mtriple: str) -> bool:
    """Return whether `runner` would find this machine's runner built. Raises CompileError as `runner` does."""
    platform, root = platform_of(mtriple), compiled_dir()
    wheels = wheels_for(platform, root, NullProgress())
    return native.is_built(_recipe(platform, wheels), compilers(platform.abi), root)


def _android(libc: str, progress: Progress | None, out_root: Path | None) -> RunnerFiles:
    """Return the runner for Android's own C library, which the user's NDK builds together with all that it needs."""
    if libc == "carried":
        raise _has_its_own(ANDROID_TRIPLE)
    made = toolchain(progress, out_root=out_root)
    compiler = f"Android NDK {made.ndk}"
    return RunnerFiles(made.binary, made.libs, made.key, compiler, made.versions, plugin=made.plugin)


def _beside(platform: Platform, mtriple: str) -> tuple[Path, ...]:
    if platform.system == "linux":
        return carried(platform.arch)
    raise _has_its_own(mtriple)


def _has_its_own(mtriple: str) -> CompileError:
    return CompileError(f'[compile].libc = "carried": {mtriple} has one of its own', hint='set libc = "device"')


def wheels_for(platform: Platform, root: Path, progress: Progress) -> Wheels:
    """Return TVM's libraries for a platform; those of another than this machine's are fetched, below `root`."""
    if platform.system == "linux" and is_own(platform.arch):
        return find_wheels()
    return device_wheels(find_wheels(), platform.arch, root, progress, system=platform.system)


def _recipe(platform: Platform, wheels: Wheels) -> Recipe:
    is_mac = platform.system == "macos"
    return Recipe(
        kind="runner",
        what="the runner",
        abi=platform.abi,
        output=BINARY,
        sources=SOURCES,
        flags=FLAGS,
        link=LINK[platform.abi.partition("-")[2]],
        includes=(wheels.include,),
        libraries=(wheels.ffi,),
        versions={"tvm_ffi": wheels.ffi_version},
        check=_check_executable if is_mac else lambda binary: None,
    )


def _check_executable(binary: Path) -> None:
    check_macho(binary, "executable", hint="unset LAB_CXX and `pip install ziglang`")
