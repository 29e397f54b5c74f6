"""The Android NDK that the user has: where it is, whether it is one, and which one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import CompileError

OLDEST = 25
API = 28  # Android 9: the first whose C library has aligned_alloc, which the runner uses
MAX_PROPERTIES_BYTES = 64 << 10
TRIPLE = "aarch64-linux-android"
COMPILER = f"{TRIPLE}{API}-clang++"
CXX_LIBRARY = "libc++_shared.so"
VARIABLES = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT")
SDK = "ANDROID_HOME"
INSTALL = (
    'install one with `sdkmanager "ndk;27.2.12479018"`, from https://developer.android.com/ndk/downloads, or on Debian '
    "13 as google-android-ndk-r26d-installer (non-free); then set ANDROID_NDK_HOME to its folder"
)

Revision = tuple[int, int, int]


class NoNdkError(CompileError):
    """Nobody named an NDK; one that was named and is none, or too old, is a plain CompileError."""


@dataclass(frozen=True)
class Ndk:
    """One NDK: its folder, its revision as it says it ("27.2.12479018"), and what of it is used."""

    root: Path
    revision: str
    compiler: Path
    cxx_library: Path


def find_ndk() -> Ndk:
    """Return the NDK that $ANDROID_NDK_HOME, $ANDROID_NDK_ROOT or $ANDROID_HOME/ndk/* leads to, the newest of several.

    Raises NoNdkError where there is none, CompileError where what was named is no NDK, or older than r25.
    """
    for name in VARIABLES:
        if os.environ.get(name):
            return read_ndk(Path(os.environ[name]).expanduser(), f"{name}={os.environ[name]}")
    sdk = os.environ.get(SDK)
    found = _newest(Path(sdk).expanduser() / "ndk") if sdk else None
    if found is not None:
        return read_ndk(found, str(found))
    looked = f"{', '.join(VARIABLES)} are not set, and {f'{sdk}/ndk has none' if sdk else f'neither is {SDK}'}"
    raise NoNdkError(f"no Android NDK: {looked}", hint=INSTALL)


def read_ndk(root: Path, named: str) -> Ndk:
    """Return the NDK in the folder `root`; `named` is how messages call it. CompileError for anything else."""
    revision = _revision(root, named)
    major, minor, _ = revision
    if major < OLDEST:
        raise CompileError(
            f"{named}: is NDK {release(major, minor)} ({_text(revision)}), r{OLDEST} or newer is needed", hint=INSTALL
        )
    prebuilt = _prebuilt(root, named)
    compiler = prebuilt / "bin" / COMPILER
    library = prebuilt / "sysroot" / "usr" / "lib" / TRIPLE / CXX_LIBRARY
    for path in (compiler, library):
        if not path.is_file():
            raise CompileError(f"{named}: {path.relative_to(root)} is missing, the NDK is not whole", hint=INSTALL)
    return Ndk(root, _text(revision), compiler, library)


def release(major: int, minor: int) -> str:
    """Return a revision as Google names the release: 27, 2 is "r27c"."""
    return f"r{major}{chr(ord('a') + minor) if 0 < minor < 26 else ''}"


def _revision(root: Path, named: str) -> Revision:
    try:
        with (root / "source.properties").open("rb") as file:
            text = file.read(MAX_PROPERTIES_BYTES).decode("utf-8", "replace")
    except OSError as problem:
        why = "no such folder" if not root.is_dir() else f"no NDK: source.properties: {problem.strerror}"
        raise CompileError(f"{named}: {why}", hint=INSTALL) from problem
    found = re.search(r"^Pkg\.Revision\s*=\s*(\d{1,4})\.(\d{1,4})\.(\d{1,12})\b", text, re.MULTILINE)
    if found is None or "NDK" not in text:
        raise CompileError(f"{named}: no NDK: its source.properties names no revision of one", hint=INSTALL)
    return int(found[1]), int(found[2]), int(found[3])


def _text(revision: Revision) -> str:
    return ".".join(str(part) for part in revision)


def _prebuilt(root: Path, named: str) -> Path:
    """Return the folder of the programs for this machine."""
    host = "darwin" if sys.platform == "darwin" else "linux"
    folders = sorted((root / "toolchains" / "llvm" / "prebuilt").glob(f"{host}-*"))
    if not folders:
        raise CompileError(f"{named}: has no compiler that runs on this machine ({host})", hint=INSTALL)
    return folders[0]


def _newest(folder: Path) -> Path | None:
    """Return the NDK with the highest revision among those that sdkmanager put side by side."""
    return max(_revisions(folder), default=((0, 0, 0), None))[1]


def _revisions(folder: Path) -> Iterator[tuple[Revision, Path | None]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})\.(\d{1,12})", path.name)
        if found and path.is_dir():
            yield (int(found[1]), int(found[2]), int(found[3])), path
