"""What points are derived by: the code itself, so that kept points of other code are never believed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from lab import __version__
from lab.core.home import PACKAGE as ROOT

FIRST = "analysis/points/build.py"
# How files of lab import each other, wherever in the file: `from lab.a.b import c, d` or `... import (`. Of `lab`
# itself nothing but the version counts, which is part of the digest.
IMPORT = re.compile(rb"^[ \t]*from lab((?:\.\w+)*) import (?:\(([^)]*)\)|([^\n]*))", re.MULTILINE)


@cache
def origin() -> str:
    """Return the digest of the code that turns documents into points."""
    return digest_of(ROOT)


def digest_of(root: Path) -> str:
    """Return the digest of that code in the package at `root`."""
    digest = hashlib.sha256(f"{__version__} numpy {np.__version__}".encode())
    for path, content in sorted(reached(root).items()):
        digest.update(f"\0{path.relative_to(root)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def reached(root: Path) -> dict[Path, bytes]:
    """Return every file of lab that deriving points can reach by imports, with its content."""
    left, found = [root / FIRST], dict[Path, bytes]()
    while left:
        path = left.pop()
        if path not in found:
            found[path] = path.read_bytes()
            left += _imported(root, found[path])
    return found


def _imported(root: Path, content: bytes) -> Iterator[Path]:
    for match in IMPORT.finditer(content):
        module = root.joinpath(*match[1].decode().split(".")[1:])
        inside = (module / name for name in re.findall(r"\w+", (match[2] or match[3]).decode()))
        for one in (module, *inside) if module != root else inside:
            yield from (path for path in (one.with_suffix(".py"), one / "__init__.py") if path.is_file())
