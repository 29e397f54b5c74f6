"""How a kernel is launched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """`groups` and `threads` of a kernel by axis (x, y, z); groups where the sizes of run time are largest."""

    kernel: str
    groups: tuple[int, ...]
    threads: tuple[int, ...]
