"""The operating systems that a runner can be built for, by the triples of target files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lab.core.errors import CompileError
from lab.ondevice.bundled_libc import LOADERS

System = Literal["linux", "macos"]

ANDROID_TRIPLE = "aarch64-linux-android"  # not a Platform: all that it needs is built at once, by the user's NDK
MAC_TRIPLE = "arm64-apple-macos"
# What TVM's own wheels ask of a Mac.
MIN_MACOS = "11.0"


@dataclass(frozen=True)
class Platform:
    """What a runner runs on; `arch` is the processor as Linux names it."""

    arch: str
    system: System

    @property
    def abi(self) -> str:
        """The name that compilers and the folders of compiled/ have for it."""
        return f"{self.arch}-macos" if self.system == "macos" else f"{self.arch}-linux-gnu"


def platform_of(mtriple: str) -> Platform:
    """Return the platform of a triple: Linux with glibc, or macOS on arm64. CompileError for any other."""
    if re.fullmatch(rf"{MAC_TRIPLE}x?[\d.]*|arm64-apple-darwin[\d.]*", mtriple):
        return Platform("aarch64", "macos")
    arch, *rest = mtriple.split("-")
    if arch in LOADERS and rest[-2:] == ["linux", "gnu"]:
        return Platform(arch, "linux")
    known = [*(f"{arch}-unknown-linux-gnu" for arch in LOADERS), ANDROID_TRIPLE, MAC_TRIPLE]
    raise CompileError(f"no runner for {mtriple} in this version", hint=f"[compile].mtriple: {' or '.join(known)}")
