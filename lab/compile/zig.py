"""The environment that the `ziglang` package's compiler and linker need: a cache folder that can be written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def zig_env() -> Iterator[dict[str, str]]:
    """Yield this process's environment, with a temporary cache where the usual one can't be written."""
    env = dict(os.environ)
    if "ZIG_GLOBAL_CACHE_DIR" in env:
        yield env
        return
    with _cache() as cache:
        yield {**env, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}


@contextmanager
def _cache() -> Iterator[Path]:
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zig"
    if _is_writable(usual):
        yield usual
        return
    with tempfile.TemporaryDirectory(prefix="lab-zig-") as folder:
        yield Path(folder)


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    return False
