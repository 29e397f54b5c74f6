"""What a backend hands over: how a library is made, and what is known of it when it has been compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.progress import Progress
from lab.formats.manifest import VersionsBlock


@dataclass(frozen=True)
class Launch:
    """`groups` and `threads` of a kernel by axis (x, y, z); groups where the sizes of run time are largest."""

    kernel: str
    groups: tuple[int, ...]
    threads: tuple[int, ...]


@dataclass(frozen=True)
class Built:
    """What the backend says of a library: `told` goes to its manifest.

    `sources` is the device code by kind ("opencl", "metal"), `launches` how each kernel of it is launched, `functions`
    the names of the host code that the runtime looks up.
    """

    told: dict[str, Any]
    sources: Mapping[str, str]
    launches: Mapping[str, Launch]
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """One library to be; options hold its weights' layout.

    `make(path, progress, dump_ir)` writes it to `path` and returns what only compiling tells, for the options too.
    """

    key: str
    versions: VersionsBlock
    options: dict[str, Any]
    make: Callable[[Path, Progress, Path | None], dict[str, Any]]
