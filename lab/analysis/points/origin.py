"""What points are derived by: the code itself, so that kept points of other code are never believed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

import lab
from lab import __version__

# All that lab.analysis.points.build can reach.
FOLDERS = ("analysis", "analysis/points", "core", "formats", "store")


@cache
def origin() -> str:
    """Return the digest of the code that turns documents into points."""
    digest = hashlib.sha256(f"{__version__} numpy {np.__version__}".encode())
    root = Path(lab.__file__).parent
    for path in sorted(path for folder in FOLDERS for path in (root / folder).glob("*.py")):
        digest.update(f"\0{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
