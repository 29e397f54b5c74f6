"""What a backend hands over: the key of a library, and how to make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.progress import Progress
from lab.formats.bundle import VersionsBlock


@dataclass(frozen=True)
class Recipe:
    """One library to be; options hold its weights' layout.

    `make(path, progress, dump_ir)` writes it to `path` and returns what only compiling tells, for the options too.
    """

    key: str
    versions: VersionsBlock
    options: dict[str, Any]
    make: Callable[[Path, Progress, Path | None], dict[str, Any]]
