"""Whether a device can start the runner at all: asked before a model is sent to it, and why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.core.errors import CompileError, DeviceFailedError
from lab.core.text import said
from lab.devices.base import Device
from lab.formats.target import TargetSpec
from lab.measure.attempt import tail
from lab.measure.runner.ask import Reply, reply
from lab.measure.runner.invocation import Placed, place_runner
from lab.ondevice.build import RunnerFiles
from lab.ondevice.bundled_libc import LIBRARIES, LOADERS, carried
from lab.ondevice.elf import arch_of
from lab.ondevice.events import Error
from lab.ondevice.systems import platform_of

PROBE_S = 30.0
NO_PERMISSION, NOT_FOUND = 126, 127  # codes of a shell for a program that it could not start
_ENDED_BY_OTHERS = ("killed by SIGKILL", "killed by SIGTERM")  # no program that cannot start gets as far
# What loaders of glibc and musl print of a library that they cannot take; the runner itself passes it on for TVM's.
_VERSION = re.compile(r"version [`'\"]?((?:GLIBC|GLIBCXX|CXXABI|GCC)_[\w.]+)'? not found")
_LIBRARY = re.compile(
    r"([\w.+-]+\.so[\w.]*): (?:cannot open shared object file: No such file|wrong ELF class)"
    r"|Error loading shared library ([\w.+-]+\.so[\w.]*)"
    r"|Error relocating [^\n:]{0,300}: (\w+): symbol not found"
)
# Run where the runner lies: whether a script can be executed there, and whether runner and loader are there.
_PROBE = r"""
test -e "$1" && echo runner; test -x "$1" && echo executable; test -e "$2" && echo loader
cd "${1%/*}" && printf '#!/bin/sh\nexit 0\n' > "start.$$" && chmod 700 "start.$$" || exit 0
"./start.$$"; case $? in 0) echo scripts ;; 126) echo "no scripts" ;; esac
rm -f "start.$$"
"""


class NotStartedError(DeviceFailedError):
    """The device cannot start the runner; `by_libc` says that one with another C library could be."""

    def __init__(self, what: str, hint: str | None = None, *, by_libc: bool = False) -> None:
        super().__init__(what, hint=hint)
        self.by_libc = by_libc


@dataclass(frozen=True)
class _Place:
    """What a device says of the folder that the runner lies in; None where it did not say."""

    lines: frozenset[str]

    def has(self, word: str) -> bool:
        return word in self.lines


def startable(device: Device, runner: RunnerFiles, target: TargetSpec, note: Callable[[str], None]) -> RunnerFiles:
    """Bring the runner to the device and start it; return it, or one with a C library of its own where that helps.

    The caller holds the device's lock. Costs one command where all is well and the runner is there already.

    Raises:
        NotStartedError: the device cannot start it; with the cure.
        DeviceUnreachableError: the device went away.
    """
    try:
        check_starts(device, place_runner(device, runner), runner, target)
    except NotStartedError as problem:
        brought = _with_libc(runner, target, problem)
        check_starts(device, place_runner(device, brought), brought, target)
        note(f'{problem.what}; lab brings a C library along, as with [compile].libc = "carried"')
        return brought
    return runner


def check_starts(device: Device, placed: Placed, runner: RunnerFiles, target: TargetSpec) -> Reply:
    """Ask the runner who it is, and return what it answers: it may have started and still know no answer.

    Raises:
        NotStartedError: it was not started.
        DeviceUnreachableError: the device went away.
    """
    told = reply(device, replace(placed, gpu=None).info(), placed.env)
    if _started(told):
        return told
    raise _why(device, placed, runner, target, told)


def _started(told: Reply) -> bool:
    """A runner that says anything at all has started, unless it is that a library of its own could not be loaded."""
    error = told.of(Error)
    if error is not None:
        return not (_VERSION.search(error.message) or _LIBRARY.search(error.message))
    if told.events or told.code == 0 or told.ending in _ENDED_BY_OTHERS:
        return True
    return not (told.code or told.ending.startswith("cannot start"))


def _with_libc(runner: RunnerFiles, target: TargetSpec, problem: NotStartedError) -> RunnerFiles:
    """Return the runner with a C library beside it; the problem itself where that is no cure, or there is none."""
    if not problem.by_libc or target.compile.kind != "llvm":
        raise problem
    try:
        beside = carried(platform_of(target.compile.mtriple).arch)
    except CompileError as missing:
        hint = f"{problem.hint}; here, that needs: {missing.hint}"
        raise NotStartedError(problem.what, hint) from problem
    return replace(runner, carried=beside, libc_reason=problem.what)


def _why(device: Device, placed: Placed, runner: RunnerFiles, target: TargetSpec, told: Reply) -> NotStartedError:
    name, file = target.name, f"targets/{target.name}.toml"
    error = told.of(Error)
    text = told.stderr if error is None else error.message
    theirs, ours = _arch(device.facts().get("arch")), arch_of(runner.binary)
    if theirs and ours and theirs != ours:
        return NotStartedError(
            f"{name}: the runner is for {ours} and cannot be started: the device is {said(theirs)}{tail(text)}",
            f"set [compile].mtriple and cpu of {file} to those of the device (mtriple is {target.compile.mtriple!r})"
            if theirs in LOADERS
            else f"there are runners for {' and '.join(LOADERS)} only: a system of 64 bits is needed",
        )
    if version := _VERSION.search(text):
        what = f"{name}: its C or C++ library is too old for the runner: {version[1]} is not found there"
        return _libc(what, file, runner)
    if library := _LIBRARY.search(text):
        missing = next(filter(None, library.groups()))
        what = f"{name}: the runner cannot be started: {said(missing)} is not found there, or does not fit"
        return _libc(what, file, runner) if missing in LIBRARIES or library[3] else _other(what, told, text)
    return _by_place(device, placed, runner, target, told, text)


def _by_place(
    device: Device, placed: Placed, runner: RunnerFiles, target: TargetSpec, told: Reply, text: str
) -> NotStartedError:
    binary, file = placed.call[0], f"targets/{target.name}.toml"
    folder = binary.partition("/names/")[0] if "/names/" in binary else binary.rpartition("/")[0]
    loader = runner.interpreter
    place = _ask_place(device, binary, loader)
    if place.has("no scripts"):
        return NotStartedError(
            f"{target.name}: no program can be executed in {folder}: its file system is mounted noexec, or a policy"
            " of the device forbids it",
            _folder_hint(target),
        )
    if place.has("runner") and not place.has("executable"):
        return NotStartedError(
            f"{target.name}: {binary} may not be executed: its permission is missing", _again_hint(target)
        )
    if loader and place.has("runner") and not place.has("loader") and not runner.carried:
        what = (
            f"{target.name}: the runner cannot be started: its loader {loader} is not on the device, whose programs"
            " use another C library (musl, bionic) or are of 32 bits"
        )
        return _libc(what, file, runner)
    return _other(f"{target.name}: the runner cannot be started", told, text)


def _ask_place(device: Device, binary: str, loader: str) -> _Place:
    done = device.run(["sh", "-c", _PROBE, "sh", binary, loader or "/"], timeout_s=PROBE_S)
    return _Place(frozenset(done.stdout.split("\n")))


def _libc(what: str, file: str, runner: RunnerFiles) -> NotStartedError:
    if runner.carried:
        return NotStartedError(what, "the C library that was brought along does not fit: rebuild it from one place")
    return NotStartedError(what, f'set libc = "carried" in [compile] of {file}', by_libc=runner.runs_on_glibc)


def _other(what: str, told: Reply, text: str) -> NotStartedError:
    return NotStartedError(f"{what}: {told.ending}{tail(said(text))}", "try to start it by hand on the device")


def _folder_hint(target: TargetSpec) -> str:
    if target.device.transport == "local":
        return "set LAB_HOME to a folder on a file system that is not mounted noexec (see `findmnt -T compiled`)"
    return (
        f"set [device].work_dir of targets/{target.name}.toml to a folder on another file system: `mount` shows"
        " noexec for those that cannot be used"
    )


def _again_hint(target: TargetSpec) -> str:
    if target.device.transport == "local":
        return "remove compiled/runner, and it is built again"
    return f"lab devices clean --target {target.name}, and it is sent again"


def _arch(told: object) -> str | None:
    """Return the processor as ELF files name it; armv8l is a 64-bit one that runs a 32-bit program."""
    names = {"arm64": "aarch64", "armv8l": "aarch64", "amd64": "x86_64"}
    return names.get(told, told) if isinstance(told, str) else None
