"""What is built for a phone: which sources make which file, and with which flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.core.errors import CompileError
from lab.ondevice.opencl.headers import opencl_headers
from lab.ondevice.wheels import FFI_NAME, RUNTIME_NAME, Wheels

PACKAGE = Path(__file__).resolve().parents[1]
RUNNER_SOURCES = PACKAGE / "src"
PLUGIN_SOURCES = PACKAGE / "opencl" / "src"
BINARY = "lab-bench"
PLUGIN_NAME = "liblab_opencl.so"
PAGE_BYTES = 16384  # Android 15 and newer run with pages of 4 or of 16 KiB

FLAGS = (
    "-std=c++17",
    "-O2",
    "-g0",
    "-DNDEBUG",
    "-fPIC",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-DTVM_FFI_CMAKE_LITTLE_ENDIAN=1",
)
# One C++ library for all of them (the NDK's default, libc++_shared.so): exceptions of TVM pass from one to another.
LINK = ("-s", "-Wl,-rpath,$ORIGIN", "-Wl,--no-undefined", f"-Wl,-z,max-page-size={PAGE_BYTES}", "-ldl", "-lm")


@dataclass(frozen=True)
class Part:
    """One file to build: `links` are parts made before it, `includes` folders of headers.

    `headers` are single folders of them by the name that sources know them under: what lies beside those is this
    machine's. `flags` are the linker's, of this part alone.
    """

    name: str
    sources: tuple[Path, ...]
    includes: tuple[Path, ...]
    defines: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    headers: Mapping[str, Path] = field(default_factory=dict)

    @property
    def is_library(self) -> bool:
        """Whether it is a shared library; else it is a program."""
        return self.name.endswith(".so")

    def words(self, folder: Path) -> list[str]:
        """Return the compiler's arguments that make it in `folder`, where the parts that it links are."""
        kind = ["-shared", f"-Wl,-soname,{self.name}"] if self.is_library else ["-pie"]
        links = [f"-l{name.removeprefix('lib').removesuffix('.so')}" for name in self.links]
        return [
            *FLAGS,
            *(f"-D{word}" for word in self.defines),
            *(f"-I{path}" for path in self.includes),
            *(str(path) for path in self.sources),
            *(*kind, f"-L{folder}", *links, *LINK, *self.flags),
            *("-o", str(folder / self.name)),
        ]


def parts(tree: Path, wheels: Wheels) -> list[Part]:
    """Return what to build, in order; `tree` is TVM's source. CompileError where sources are missing."""
    ffi = wheels.tvm_ffi / "src" / "ffi"
    headers = (wheels.include,)
    runtime_headers = (tree / "include", *headers, tree / "3rdparty" / "compiler-rt")
    runtime = [tree / "src" / "runtime" / folder for folder in (".", "vm", "memory")]
    defines = ("TVM_FFI_EXPORTS", "TVM_FFI_USE_LIBBACKTRACE=0", "TVM_FFI_BACKTRACE_ON_SEGFAULT=0")
    made = [
        Part(FFI_NAME, _sources(ffi, ffi / "extra"), headers, defines),
        Part(
            RUNTIME_NAME, _sources(*runtime), runtime_headers, ("TVM_RUNTIME_EXPORTS", "TVM_FFI_EXPORTS"), (FFI_NAME,)
        ),
        # The runner keeps the type information of TVM's exceptions to itself, as on every other platform.
        Part(BINARY, _sources(RUNNER_SOURCES), (RUNNER_SOURCES, *headers), ("TVM_FFI_DLL=",), (FFI_NAME,)),
        _plugin((PLUGIN_SOURCES, *runtime_headers)),
    ]
    return made


def _plugin(includes: tuple[Path, ...]) -> Part:
    # nodelete: TVM keeps the functions that the library registers for as long as the process lives.
    sources, links = _sources(PLUGIN_SOURCES), (FFI_NAME, RUNTIME_NAME)
    opencl = {"CL": opencl_headers()}
    return Part(PLUGIN_NAME, sources, includes, ("TVM_FFI_DLL=",), links, ("-Wl,-z,nodelete",), opencl)


def own_sources() -> list[Path]:
    """Return the sources of this project that go into the parts, sorted."""
    folders = (RUNNER_SOURCES, PLUGIN_SOURCES)
    return sorted(path for folder in folders for path in folder.iterdir() if path.suffix in (".cc", ".h"))


def _sources(*folders: Path) -> tuple[Path, ...]:
    found = [path for folder in folders for path in _units(folder)]
    if not found:
        raise CompileError(f"{folders[0]}: has no C++ sources")
    return tuple(found)


def _units(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.glob("*.cc") if not path.stem.endswith("_win"))
