"""Call a kernel that was compiled for arm64: linked, and run by qemu-user on a CPU that has the record's features."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any, NoReturn

import numpy as np
import pytest
import tvm_ffi
import ziglang

from lab.compile.cpu.isa import Isa
from lab.compile.link import ZIG_TARGETS
from lab.compile.zig import zig_env

MTRIPLE = "aarch64-unknown-linux-gnu"
SYSROOT = Path("/usr/aarch64-linux-gnu")
INSTALL = "run scripts/install-debian-packages, or apt-get install qemu-user libc6-arm64-cross"
SOURCE = Path(__file__).with_name("call_kernel.c")
TIMEOUT_S = 120

# The oldest CPU of qemu 7.2 that has the record's features; i8mm and FHM only its "max" has.
CPUS = {"neon": "cortex-a53", "neon-dotprod": "cortex-a76"}
CODES = {"i": 0, "u": 1, "f": 2}  # DLPack's


def cpu_of(isa: Isa) -> str:
    """Return the emulated CPU that a record's kernels are tried on."""
    return CPUS.get(isa.name, "max")


def missing() -> str | None:
    """Return what this machine lacks for emulation and how to install it; None when nothing."""
    lacking = [] if shutil.which("qemu-aarch64") else ["qemu-aarch64"]
    lacking += [] if SYSROOT.is_dir() else [str(SYSROOT)]
    return f"{', '.join(lacking)} is missing: {INSTALL}" if lacking else None


def qemu() -> str:
    """Return the emulator; where something is missing, the test is skipped, but fails in CI."""
    problem = missing()
    if problem:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    return "qemu-aarch64"


@functools.cache
def scratch() -> Path:
    """Return a folder for objects and libraries that goes with the process."""
    holder = tempfile.TemporaryDirectory(prefix="lab-arm64-")
    vars(scratch)["holder"] = holder
    return Path(holder.name)


@functools.cache
def caller() -> Path:
    """Build the program that calls one kernel."""
    program = scratch() / "call_kernel"
    include = str(tvm_ffi.libinfo.find_include_path())
    words = ["cc", "-target", ZIG_TARGETS[MTRIPLE].name, "-O1", "-rdynamic", f"-I{include}", str(SOURCE), "-ldl"]
    with zig_env() as env:
        zig([*words, "-o", str(program)], env)
    return program


def zig(words: Sequence[str], env: dict[str, str] | None = None) -> None:
    """Run the ziglang package's compiler or linker: its program itself, as a link takes less than a Python to start."""
    (folder,) = ziglang.__path__
    subprocess.run([str(Path(folder) / "zig"), *words], check=True, timeout=600, env=env)


def link(module: Any, name: str) -> Path:
    """Write a compiled kernel's object and make a library of it."""
    made, library = scratch() / f"{name}.o", scratch() / f"{name}.so"
    module.write_to_file(str(made))
    zig(["ld.lld", "-shared", "-o", str(library), str(made), str(SYSROOT / "lib" / "libm.so.6")])
    return library


def argv(isa: Isa, library: Path | None = None, *options: str) -> list[str]:
    """Return the command that calls the kernel of `library`, or that serves calls; options are qemu's."""
    start = [qemu(), "-L", str(SYSROOT), "-cpu", cpu_of(isa), *options, str(caller())]
    return start if library is None else [*start, str(library)]


def packed(args: Sequence[Any]) -> bytes:
    """Return arguments as `call_kernel` reads them."""
    return struct.pack("<i", len(args)) + b"".join(_packed(arg) for arg in args)


def _packed(arg: Any) -> bytes:
    if isinstance(arg, int):
        return struct.pack("<iq", 0, arg)
    if isinstance(arg, float):
        return struct.pack("<id", 1, arg)
    head = struct.pack("<4i", 2, CODES[arg.dtype.kind], 8 * arg.dtype.itemsize, arg.ndim)
    return head + struct.pack(f"<{arg.ndim}q", *arg.shape) + arg.tobytes()


def unpacked(data: bytes, args: Sequence[Any]) -> list[np.ndarray]:
    """Return the arrays among `args` as they are after the call."""
    arrays, at = [], 0
    for arg in args:
        if isinstance(arg, np.ndarray):
            arrays.append(np.frombuffer(data, arg.dtype, arg.size, at).reshape(arg.shape).copy())
            at += arg.nbytes
    assert at == len(data)
    return arrays


class Server:
    """A process on a record's CPU that calls one kernel after the other, until it dies of one or is closed."""

    def __init__(self, isa: Isa) -> None:
        self._cpu = cpu_of(isa)
        self._errors = scratch() / f"errors-of-{isa.name}"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(argv(isa), stdin=PIPE, stdout=PIPE, stderr=errors)

    def call(self, library: Path, args: Sequence[Any]) -> list[np.ndarray]:
        """Return every array of `args` as it is after the call; AssertionError where the kernel refuses, or dies."""
        path = os.fsencode(library)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(struct.pack("<i", len(path)) + path + packed(args))
            stdin.flush()
        except BrokenPipeError:
            self._fail()
        refused = struct.unpack("<i", self._take(4))[0]
        assert not refused, f"{self._cpu}: {self._take(refused).decode(errors='replace')}"
        return unpacked(self._take(sum(arg.nbytes for arg in args if isinstance(arg, np.ndarray))), args)

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _take(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        if len(data) != size:
            self._fail()
        return data

    def _fail(self) -> NoReturn:
        server.cache_clear()
        code = self._process.wait(TIMEOUT_S)
        raise AssertionError(f"{self._cpu}: ended with {code}: {self._errors.read_text(errors='replace')}")


@functools.cache
def server(isa: Isa) -> Server:
    """Return the server for a record, started when it is first needed; it ends with this process."""
    made = Server(isa)
    atexit.register(made.close)
    return made


def emulated(module: Any, isa: Isa, name: str) -> Callable[..., list[np.ndarray]]:
    """Return a function over numpy arrays and scalars that gives every array back after the call."""
    qemu()
    library = link(module, name)
    return lambda *args: server(isa).call(library, args)
