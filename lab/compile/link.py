"""Link objects to a library with the `ziglang` package's linker: no compiler and no SDK needed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.compile.zig import zig_env
from lab.core.errors import CompileError
from lab.core.proc import run
from lab.formats.manifest import LIBRARY_NAME

TIMEOUT_S = 600.0


@dataclass(frozen=True)
class ZigTarget:
    """What zig calls a platform, and what its linker needs beside the objects; `archive` makes a static library."""

    name: str
    options: tuple[str, ...] = ("-shared", "-lm")
    archive: bool = False


# Libraries of phones and Macs ask for the C library and TVM's runtime when they are loaded: there is no SDK to link
# against. A Mac's has its own name in it, which is not the path of this machine, and the oldest macOS on arm64. A
# program of iOS must have its code linked in, so that is an archive, whose objects say the oldest iOS by the triple.
ZIG_TARGETS = {
    # The oldest glibc that the TVM runtime's own wheels ask for.
    "x86_64-unknown-linux-gnu": ZigTarget("x86_64-linux-gnu.2.28"),
    "aarch64-unknown-linux-gnu": ZigTarget("aarch64-linux-gnu.2.28"),
    "aarch64-linux-android": ZigTarget("aarch64-linux-android", ("-shared", "-nostdlib")),
    "arm64-apple-macos": ZigTarget(
        "aarch64-macos.11.0",
        ("-shared", "-Wl,-undefined,dynamic_lookup", f"-Wl,-install_name,@rpath/{LIBRARY_NAME}"),
    ),
    "arm64-apple-ios16.0": ZigTarget("aarch64-ios", archive=True),
}


def linker(mtriple: str) -> Callable[..., None]:
    """Return the function that TVM's `export_library` calls as (output, objects, options)."""
    target = _zig_target(mtriple)

    def link(output: str, objects: Sequence[str], options: Sequence[str] | None = None, **_kwargs: Any) -> None:
        with zig_env() as env:
            done = run([*_command(target, output, objects), *(options or ())], timeout_s=TIMEOUT_S, env=env)
        if done.code != 0:
            raise CompileError(f"linking {Path(output).name} failed:\n{done.stderr[-2000:]}")

    vars(link).update(output_format="so", need_system_lib=target.archive)
    return link


def is_archive(mtriple: str) -> bool:
    """Whether a library for the platform is an archive, to be linked into a program."""
    return mtriple in ZIG_TARGETS and ZIG_TARGETS[mtriple].archive


def _command(target: ZigTarget, output: str, objects: Sequence[str]) -> list[str]:
    zig = [sys.executable, "-m", "ziglang"]
    if target.archive:
        return [*zig, "ar", "rcs", output, *objects]
    return [*zig, "cc", "-target", target.name, *target.options, "-o", output, *objects]


def _zig_target(mtriple: str) -> ZigTarget:
    if importlib.util.find_spec("ziglang") is None:
        raise CompileError("the ziglang package, which links compiled models, is missing", hint="pip install ziglang")
    if mtriple not in ZIG_TARGETS:
        raise CompileError(
            f"[compile].mtriple {mtriple!r} can't be linked in this version", hint=f"known: {', '.join(ZIG_TARGETS)}"
        )
    return ZIG_TARGETS[mtriple]
