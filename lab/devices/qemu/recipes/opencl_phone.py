"""The emulated phone, with an OpenCL driver that computes on its CPU: PoCL, out of Debian's packages for arm64.

PoCL compiles and links kernels on the device, so its compiler's libraries and a linker are there, and glibc with them:
unlike on a phone, a program finds the C library that it was linked against.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from lab.core.progress import Progress
from lab.devices.qemu.recipes import phone
from lab.devices.qemu.recipes.debian import Debian

PACKAGES = ("libc6", "libstdc++6", "ocl-icd-libopencl1", "pocl-opencl-icd")
PROGRAMS = phone.PROGRAMS
PARTS = phone.PARTS
DESCRIPTION = "a phone with OpenCL: PoCL on its CPU, arm64 programs by qemu-user"

# What comes along for people who compile programs there: a third of the whole.
UNWANTED = (
    "usr/include",
    "usr/share/gdb",
    "usr/share/perl",
    "usr/lib/llvm-15/bin",
    "usr/lib/llvm-15/lib/clang",
    "usr/lib/aarch64-linux-gnu/libclang-15*",
    "usr/lib/aarch64-linux-gnu/lib*san.so*",
    "usr/lib/aarch64-linux-gnu/lib[cm].a",
    "usr/lib/gcc/aarch64-linux-gnu/12/lib*san*",
    "usr/lib/gcc/aarch64-linux-gnu/12/libstdc++*",
    "usr/bin/clang*",
    "usr/bin/*gold*",
    "usr/bin/*dwp",
)
CORES = 2
CPU = "sys/devices/system/cpu"


def build(debian: Debian, source: Path, adbd_version: str, work: Path, out: Path, progress: Progress) -> dict[str, str]:
    """Put root.tar into the folder `out`; return the versions of what is in it."""
    root, versions = phone.make_root(debian, source, adbd_version, work / "opencl", progress)
    with progress.phase("unpack PoCL for arm64"):
        found = debian.unpack(root, "arm64", PACKAGES)
    for pattern in UNWANTED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (root / "system/bin/ld").symlink_to("/usr/bin/ld")  # PoCL looks for it on PATH
    for name, text in _topology():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    phone.pack(root, out)
    return {**versions, "pocl": found["pocl-opencl-icd"]}


def _topology() -> Iterator[tuple[str, str]]:
    """Yield the files that PoCL (hwloc) asks for how many cores there are: without them it aborts."""
    for name in ("online", "possible", "present"):
        yield f"{CPU}/{name}", f"0-{CORES - 1}"
    for core in range(CORES):
        topology = f"{CPU}/cpu{core}/topology"
        yield f"{topology}/core_id", str(core)
        yield f"{topology}/physical_package_id", "0"
        yield f"{topology}/core_cpus", f"{1 << core:x}"
        yield f"{topology}/package_cpus", f"{(1 << CORES) - 1:x}"
