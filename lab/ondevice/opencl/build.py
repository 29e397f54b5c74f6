"""The plug-in's library for a device: built once for its sources, compiler, TVM and headers, in compiled/plugin/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import CompileError
from lab.core.home import compiled_dir
from lab.core.jsonio import digest
from lab.core.progress import NullProgress, Progress
from lab.formats.bundle import file_entry
from lab.ondevice.android.build import toolchain
from lab.ondevice.build import FLAGS, wheels_for
from lab.ondevice.compilers import compilers
from lab.ondevice.elf import check_elf
from lab.ondevice.native import Recipe, built
from lab.ondevice.opencl.headers import opencl_headers
from lab.ondevice.systems import ANDROID_TRIPLE, Platform, platform_of
from lab.ondevice.wheels import Wheels, tvm_headers

SOURCES = Path(__file__).resolve().parent / "src"
LIBRARY = "liblab_opencl.so"
UPSTREAM = "libtvm_runtime_opencl.so"

# nodelete: TVM keeps the functions that the library registers for as long as the process lives.
LINK = (
    "-s",
    "-shared",
    "-fPIC",
    f"-Wl,-soname,{LIBRARY}",
    "-Wl,-rpath,$ORIGIN",
    "-Wl,-z,nodelete",
    "-Wl,--no-undefined",
    "-ldl",
    "-lpthread",
)


@dataclass(frozen=True)
class PluginFiles:
    """The library to load behind TVM's runtime; `upstream`: it is TVM's own, and `compiler` is empty."""

    path: Path
    key: str
    compiler: str
    upstream: bool


def plugin(mtriple: str, progress: Progress | None = None, *, out_root: Path | None = None) -> PluginFiles:
    """Return the OpenCL backend for `mtriple`, built if need be below `out_root` (default compiled/).

    TVM's own, where a wheel has it beside its runtime, comes first. Raises CompileError with the end of the compiler's
    output, where OpenCL's headers are missing, or for a triple that there is no runner for.
    """
    if mtriple == ANDROID_TRIPLE:
        return _android(progress, out_root)
    platform = platform_of(mtriple)
    if platform.system != "linux":
        raise CompileError(f"no OpenCL plug-in for {mtriple}", hint='its GPU is reached by kind = "metal"')
    root, quiet = out_root or compiled_dir(), progress or NullProgress()
    wheels = wheels_for(platform, root, quiet)
    upstream = wheels.runtime.parent / UPSTREAM
    if upstream.is_file():
        return PluginFiles(upstream, digest({"file": file_entry(upstream).sha256}), "", upstream=True)
    made = built(_recipe(platform, wheels), compilers(platform.abi), root, quiet)
    return PluginFiles(made.file, made.key, made.compiler, upstream=False)


def _android(progress: Progress | None, out_root: Path | None) -> PluginFiles:
    """Return the plug-in that the user's NDK built together with the runner."""
    made = toolchain(progress, out_root=out_root)
    return PluginFiles(made.plugin, made.key, f"Android NDK {made.ndk}", upstream=False)


def _recipe(platform: Platform, wheels: Wheels) -> Recipe:
    headers = opencl_headers()
    return Recipe(
        kind="plugin",
        what="the OpenCL plug-in",
        abi=platform.abi,
        output=LIBRARY,
        sources=SOURCES,
        flags=FLAGS,
        link=LINK,
        includes=(wheels.include, tvm_headers()),
        libraries=(wheels.ffi, wheels.runtime),
        versions={
            "tvm_ffi": wheels.ffi_version,
            "tvm": wheels.tvm_version,
            "opencl_headers": file_entry(headers / "cl.h").sha256[:12],
        },
        headers={"CL": headers},
        check=lambda library: check_elf(library, platform.arch, hint="unset LAB_CXX and `pip install ziglang`"),
    )
