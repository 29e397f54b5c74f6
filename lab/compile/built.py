"""What is known of a library when it has been compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.compile.launch import Launch


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
