"""Link objects to a shared library with the `ziglang` package's linker: no compiler and no SDK needed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.core.errors import CompileError
from lab.core.proc import run
from lab.core.zig import zig_env

TIMEOUT_S = 600.0
# The oldest glibc that the TVM runtime's own wheels ask for.
ZIG_TARGETS = {
    "x86_64-unknown-linux-gnu": "x86_64-linux-gnu.2.28",
    "aarch64-unknown-linux-gnu": "aarch64-linux-gnu.2.28",
}


def linker(mtriple: str) -> Callable[..., None]:
    """Return the function that TVM's `export_library` calls as (output, objects, options)."""
    target = _zig_target(mtriple)

    def link(output: str, objects: Sequence[str], options: Sequence[str] | None = None, **_kwargs: Any) -> None:
        argv = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-shared", "-o", output, *objects, "-lm"]
        with zig_env() as env:
            done = run([*argv, *(options or ())], timeout_s=TIMEOUT_S, env=env)
        if done.code != 0:
            raise CompileError(f"linking {Path(output).name} failed:\n{done.stderr[-2000:]}")

    vars(link).update(output_format="so", need_system_lib=False)
    return link


def _zig_target(mtriple: str) -> str:
    if importlib.util.find_spec("ziglang") is None:
        raise CompileError("the ziglang package, which links compiled models, is missing", hint="pip install ziglang")
    if mtriple not in ZIG_TARGETS:
        raise CompileError(
            f"[compile].mtriple {mtriple!r} can't be linked in this version", hint=f"known: {', '.join(ZIG_TARGETS)}"
        )
    return ZIG_TARGETS[mtriple]
