"""A folder with the shape of an Android NDK, whose compiler is ziglang's for arm64 Linux with musl.

So flags, sonames, libraries and pages of what it builds are real; Android's own C library and headers are not there.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from lab.compile.zig import zig_env
from lab.ondevice.android.ndk import COMPILER, CXX_LIBRARY, TRIPLE

ZIG = (sys.executable, "-m", "ziglang")
TARGET = ("-target", "aarch64-linux-musl")
REVISION = "27.2.12479018"


def make_ndk(root: Path, revision: str = REVISION, *, compiler: str | None = None, page_bytes: int = 16384) -> Path:
    """Make the NDK at `root`; `compiler` is the text of another script in the place of the compiler."""
    prebuilt = root / "toolchains" / "llvm" / "prebuilt" / "linux-x86_64"
    libraries = prebuilt / "sysroot" / "usr" / "lib" / TRIPLE
    for folder in (prebuilt / "bin", libraries):
        folder.mkdir(parents=True)
    (root / "source.properties").write_text(f"Pkg.Desc = Android NDK\nPkg.Revision = {revision}\n")
    program = prebuilt / "bin" / COMPILER
    program.write_text(compiler or f'#!/bin/sh\nexec {shlex.join([*ZIG, "c++", *TARGET])} "$@"\n')
    program.chmod(0o755)
    make_library(libraries / CXX_LIBRARY, page_bytes)
    return root


def make_library(path: Path, page_bytes: int) -> None:
    """Make a tiny arm64 library, laid out for pages of `page_bytes`."""
    words = ["-shared", "-nostdlib", "-s", f"-Wl,-soname,{path.name}", f"-Wl,-z,max-page-size={page_bytes}"]
    source = path.with_suffix(".c")
    source.write_text("int lab_here(void) { return 1; }\n")
    with zig_env() as env:
        argv = [*ZIG, "cc", *TARGET, *words, str(source), "-o", str(path)]
        subprocess.run(argv, check=True, env=env, capture_output=True)
    source.unlink()
