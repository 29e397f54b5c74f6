"""The runner's binary for an ABI: built once per sources, compiler and TVM, kept in compiled/runner/."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lab.core.atomic import publish_dir, staging_dir, write_json
from lab.core.bundle import file_entry
from lab.core.errors import CompileError, LabError
from lab.core.fields import encode
from lab.core.home import compiled_dir
from lab.core.jsonio import digest, read_json
from lab.core.proc import run
from lab.core.progress import NullProgress, Progress
from lab.ondevice.carried import LOADERS, carried
from lab.ondevice.compilers import Compiler, build_env, compilers, is_own
from lab.ondevice.device_wheels import device_wheels
from lab.ondevice.wheels import Wheels, find_wheels

SOURCES = Path(__file__).resolve().parent / "src"
BINARY = "lab-bench"
MANIFEST = "manifest.json"
TIMEOUT_S = 900.0
TAIL_LINES = 30

# TVM_FFI_DLL and the visibility keep the type information of TVM's exception class inside the binary. Exported,
# it would take the place of TVM's own, and with ziglang's C++ library TVM could not catch what it throws.
# fmt: off
FLAGS = ("-std=c++17", "-O2", "-g0", "-DNDEBUG", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-DTVM_FFI_DLL=")
# fmt: on
LINK = ("-s", "-Wl,-rpath,$ORIGIN", "-ldl", "-lpthread")


@dataclass(frozen=True)
class RunnerFiles:
    """The runner and the libraries it needs beside it on a device: libtvm_ffi.so, libtvm_runtime.so.

    `carried` is empty, or the loader that starts the runner and the C and C++ libraries that it loads, where the
    device's own are not used.
    """

    binary: Path
    libs: tuple[Path, ...]
    key: str
    compiler: str
    versions: dict[str, str]
    carried: tuple[Path, ...] = ()

    @property
    def runtime(self) -> Path:
        """The library for `--runtime`."""
        return self.libs[1]

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
    for it are fetched. Raises CompileError with the end of the compiler's output, or for a triple that there is no
    runner for.
    """
    arch = _arch(mtriple)
    abi, root, quiet = f"{arch}-linux-gnu", out_root or compiled_dir(), progress or NullProgress()
    beside = carried(arch) if libc == "carried" else ()
    wheels = find_wheels() if is_own(arch) else device_wheels(find_wheels(), arch, root, quiet)
    choices = compilers(abi)
    folder = _built(choices, root / "runner", abi, wheels, quiet)
    return replace(_files(folder, wheels), carried=beside)


def _arch(mtriple: str) -> str:
    """Return the processor of a triple, which must be one of Linux with glibc."""
    arch, *rest = mtriple.split("-")
    if arch not in LOADERS or rest[-2:] != ["linux", "gnu"]:
        raise CompileError(
            f"no runner for {mtriple} in this version",
            hint=f"[compile].mtriple: {' or '.join(f'{known}-unknown-linux-gnu' for known in LOADERS)}",
        )
    return arch


def _built(choices: Sequence[Compiler], root: Path, abi: str, wheels: Wheels, progress: Progress) -> Path:
    for compiler in choices:
        folder = _folder(root, abi, compiler, wheels)
        if _is_whole(folder):
            return folder
    return _build_with_any(choices, root, abi, wheels, progress)


def _key(abi: str, compiler: Compiler, wheels: Wheels) -> str:
    sources = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _sources(".cc", ".h")}
    return digest(
        {
            "abi": abi,
            "sources": sources,
            "flags": [*FLAGS, *LINK],
            "compiler": [*compiler.argv, compiler.version],
            "tvm_ffi": wheels.ffi_version,
        }
    )


def _folder(root: Path, abi: str, compiler: Compiler, wheels: Wheels) -> Path:
    return root / f"{abi}--{_key(abi, compiler, wheels)[:12]}"


def _sources(*suffixes: str) -> list[Path]:
    return sorted(path for path in SOURCES.iterdir() if path.suffix in suffixes)


def _is_whole(folder: Path) -> bool:
    """Whether the binary there is the one that was published; anything else is built again."""
    try:
        document = read_json(folder / MANIFEST, error=CompileError)
        return bool(document["file"] == encode(file_entry(folder / BINARY)))
    except (LabError, OSError, KeyError, TypeError):
        return False


def _files(folder: Path, wheels: Wheels) -> RunnerFiles:
    document = read_json(folder / MANIFEST, error=CompileError)
    return RunnerFiles(
        binary=folder / BINARY,
        libs=(wheels.ffi, wheels.runtime),
        key=str(document["key"]),
        compiler=str(document["compiler"]),
        versions={"tvm": wheels.tvm_version, "tvm_ffi": wheels.ffi_version},
    )


def _build_with_any(choices: Sequence[Compiler], root: Path, abi: str, wheels: Wheels, progress: Progress) -> Path:
    """Build with the first compiler that can: a machine's own may be too old or lack its headers."""
    for i, compiler in enumerate(choices):
        try:
            return _build(compiler, root, abi, wheels, progress)
        except CompileError as problem:
            if i + 1 == len(choices):
                raise
            progress.note(f"{problem.what.splitlines()[0]}; trying {choices[i + 1].name}")
    raise CompileError("no C++ compiler to build the runner with")


def _build(compiler: Compiler, root: Path, abi: str, wheels: Wheels, progress: Progress) -> Path:
    final = _folder(root, abi, compiler, wheels)
    with progress.phase(f"build the runner ({compiler.name})"), staging_dir(root, final.name) as staging:
        _compile(compiler, staging, wheels)
        document = {
            "schema": 1,
            "kind": "runner",
            "key": _key(abi, compiler, wheels),
            "abi": abi,
            "compiler": compiler.version,
            "versions": {"tvm_ffi": wheels.ffi_version},
            "file": encode(file_entry(staging / BINARY)),
        }
        write_json(staging / MANIFEST, document)
        if final.exists() and not _is_whole(final):
            shutil.rmtree(final)
        return publish_dir(staging, final, is_whole=_is_whole)


def _compile(compiler: Compiler, staging: Path, wheels: Wheels) -> None:
    # One translation unit: TVM's headers take most of the time, and this way they are read once.
    unit = staging / "all.cc"
    unit.write_text("".join(f'#include "{path.name}"\n' for path in _sources(".cc")), encoding="utf-8")
    argv = [*compiler.argv, *FLAGS, f"-I{SOURCES}", "-isystem", str(wheels.include), str(unit)]
    argv += [f"-L{wheels.ffi.parent}", "-ltvm_ffi", *LINK, "-o", str(staging / BINARY)]
    with build_env(compiler) as env:
        done = run(argv, timeout_s=TIMEOUT_S, env=env, cwd=staging)
    if done.code != 0 or not (staging / BINARY).is_file():
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-TAIL_LINES:])
        raise CompileError(
            f"the runner could not be built with {compiler.name} ({compiler.version}), exit code {done.code}\n{tail}",
            hint="set LAB_CXX to another C++17 compiler for this device, or unset it and `pip install ziglang`",
        )
    unit.unlink()
