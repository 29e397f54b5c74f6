"""Wheels for another machine: from the folder that LAB_DEVICE_WHEELS names, or by this Python's pip."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.core.errors import CompileError
from lab.core.proc import CommandError, run
from lab.ondevice.systems import System

FOLDER = "LAB_DEVICE_WHEELS"
TIMEOUT_S = 1800.0
# The C libraries that lab's devices have at least; some versions of pip take each name literally.
PLATFORMS: dict[System, tuple[str, ...]] = {
    "linux": (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014"),
    "macos": tuple(f"macosx_{major}_0" for major in range(15, 10, -1)),
}
PREFIXES: dict[System, str] = {"linux": "manylinux", "macos": "macosx"}


def wheel_folder(arch: str, wanted: Mapping[str, str], into: Path, system: System = "linux") -> Path:
    """Return the folder that has the wheels of `wanted` (version by name), fetched to `into` if need be.

    `arch` is the processor as platform tags of that system name it: aarch64 of Linux, arm64 of macOS.

    pip runs with the user's own settings (index, proxy, certificates). Raises CompileError with pip's last words and
    the way around it.
    """
    chosen = os.environ.get(FOLDER)
    if chosen:
        return Path(chosen)
    argv = _argv(arch, wanted, str(into), system)
    try:
        run(argv, timeout_s=TIMEOUT_S, check=True)
    except CommandError as problem:
        raise CompileError(
            f"TVM's libraries for {arch} could not be fetched ({problem.reason}): {_last_words(problem)}",
            hint=by_hand(arch, wanted, system),
        ) from problem
    return into


def find_wheel(folder: Path, name: str, version: str, arch: str, system: System = "linux") -> Path:
    """Return the wheel of `name` in exactly `version` for `arch`; CompileError where `folder` has none."""
    for path in sorted(folder.glob("*.whl")):
        words = path.name.removesuffix(".whl").split("-")
        if words[:2] == [name.replace("-", "_"), version] and _is_for(words[-1], arch, system):
            return path
    hint = by_hand(arch, {name: version}, system)
    raise CompileError(f"{folder}: has no wheel of {name} {version} for {arch}", hint=hint)


def by_hand(arch: str, wanted: Mapping[str, str], system: System = "linux") -> str:
    """Return the hint of how to fetch the wheels elsewhere."""
    command = shlex.join(["python", *_argv(arch, wanted, "DIR", system)[1:]])
    return f"on a machine that reaches the package index run `{command}`, bring DIR here and set {FOLDER}=DIR"


def _argv(arch: str, wanted: Mapping[str, str], into: str, system: System) -> list[str]:
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    argv += ["--implementation", "cp", "--python-version", f"{sys.version_info.major}.{sys.version_info.minor}"]
    for platform in PLATFORMS[system]:
        argv += ["--platform", f"{platform}_{arch}"]
    return [*argv, "--dest", into, *(f"{name}=={version}" for name, version in wanted.items())]


def _is_for(tags: str, arch: str, system: System) -> bool:
    """Whether one of a wheel's platforms ("manylinux_2_27_aarch64.manylinux_2_28_aarch64") is the system on `arch`."""
    return any(tag.startswith(PREFIXES[system]) and tag.endswith(f"_{arch}") for tag in tags.split("."))


def _last_words(problem: CommandError) -> str:
    lines = [line.strip() for line in problem.completed.stderr.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no word of it")
