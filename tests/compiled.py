"""One compiled/ for the whole suite: what a test needs and another has built is not built again.

Everything in it is kept under keys of its content, is published whole, and is checked by whoever takes it, as in any
compiled/. Beyond that its folder is named by a digest of all sources that build, and of every installed package: a
change that a key forgets can't let a test pass on what was built before it. From nothing, and without this folder,
build tests/cli/test_whole_path.py, tests/compile/test_build.py and tests/ondevice/test_build.py.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILDS = ("compile", "core", "formats", "models", "ondevice")
SHELVES = ("weights", "gguf", "lib", "runner", "plugin", "runtime")
KEPT = 2  # of the folders: who runs one state of the sources beside another doesn't lose it


@functools.cache
def shared() -> Path:
    """Return the folder that serves as compiled/; it lies in the checkout, and git ignores it."""
    shelf = ROOT / ".pytest_cache" / "compiled"
    folder = shelf / state()
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    others = sorted((path for path in shelf.iterdir() if path != folder), key=_changed, reverse=True)
    for path in others[KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
    return folder


@functools.cache
def state() -> str:
    """Return the digest of what builds: sources, packages and Python."""
    found = hashlib.sha256(sys.version.encode())
    for path in sorted(path for name in BUILDS for path in (ROOT / "lab" / name).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"\n{path.relative_to(ROOT)}\n".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    packages = sorted(f"{one.metadata['Name']} {one.version}" for one in metadata.distributions())
    found.update("\n".join(packages).encode())
    return found.hexdigest()[:16]


def share(home: Path) -> None:
    """Let `home`, an own $LAB_HOME, find what was built for others; bundles and programs' caches stay its own."""
    (home / "compiled").mkdir(exist_ok=True)
    for name in SHELVES:
        (shared() / name).mkdir(exist_ok=True)
        (home / "compiled" / name).symlink_to(shared() / name)


def pocl_cache() -> Path:
    """Return where PoCL keeps what it made of each kernel, by its source and options; it stays for the next run."""
    folder = ROOT / ".pytest_cache" / "pocl"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
