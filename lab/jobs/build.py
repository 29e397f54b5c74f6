"""The steps from a model's name to a bundle and a runner, each timed, each with a word on what Ctrl-C keeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.core.errors import BusyError, LabError
from lab.core.home import compiled_dir
from lab.core.lock import device_lock
from lab.core.lock_holder import holder_line
from lab.core.process import start, stop_group
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.bundle import load_manifest
from lab.formats.target import TargetSpec
from lab.jobs.interrupt import keeping
from lab.measure.runner.starting import startable
from lab.models.catalog import ModelSpec
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.sources import WeightSource
from lab.models.threads import cores
from lab.ondevice.build import RunnerFiles

NOTHING_HALF = "nothing half-made is left"
# -P: no module of the working folder stands in for lab's.
PROGRAM = (sys.executable, "-P", "-c", "import sys; from lab.ondevice.build import runner; runner(*sys.argv[1:])")
GRACE_S = 5.0  # for taking away what is half-made


@dataclass
class Pipeline:
    """Builds what a command needs; `time_s` is the seconds of each step that was done, in order."""

    progress: Progress
    runner_follows: bool = False  # whether `runner` is going to be called after `library`
    time_s: dict[str, float] = field(default_factory=dict)

    def library(self, spec: ModelSpec, target: TargetSpec, dump_ir: Path | None = None) -> Path:
        """Return the library folder of `spec` for `target`; with this machine's own, its runner is built meanwhile."""
        from lab.compile.build import build_library

        with self.step("compile", NOTHING_HALF), self._beside(target):
            return build_library(spec, target, compiled_dir(), self.progress, dump_ir)

    def _beside(self, target: TargetSpec) -> AbstractContextManager[None]:
        """Compiling keeps one core busy, and so does the C++ compiler."""
        here = self.runner_follows and target.device.transport == "local" and cores() > 1
        return runner_ahead(target, self.progress) if here else nullcontext()

    def weights(self, spec: ModelSpec, source: WeightSource, layout: str = LAYOUT) -> Path:
        """Return the weights folder of `spec` from `source`, in the layout that its library reads."""
        from lab.models.convert import convert

        with self.step("convert", f"{NOTHING_HALF}; a compiled library stays for the next time"):
            return convert(spec, source, compiled_dir(), self.progress, layout)

    def bundle(self, spec: ModelSpec, target: TargetSpec, source: WeightSource, dump_ir: Path | None = None) -> Path:
        """Return the bundle folder: library and weights together."""
        from lab.compile.bundle import assemble

        library = self.library(spec, target, dump_ir)
        layout = load_manifest(library, "library").options.get("layout", LAYOUT)
        return assemble(library, self.weights(spec, source, layout), compiled_dir())

    def ggufs(self, spec: ModelSpec, source: WeightSource, *, all_types: bool = False) -> list[Path]:
        """Return the folder with the GGUF of `spec` from `source`, of the same bits; with `all_types` every type's."""
        from lab.models.gguf_file import write_gguf
        from lab.models.gguf_types import gguf_types

        names = [one.name for one in gguf_types(spec)]
        with self.step("convert", NOTHING_HALF):
            return [
                write_gguf(spec, source, compiled_dir(), self.progress, name)
                for name in (names if all_types else names[:1])
            ]

    def runner(self, target: TargetSpec) -> RunnerFiles:
        """Return the runner for the target's processor, with what brings its GPU to the runtime."""
        from lab.ondevice.build import runner

        with self.step("runner", f"{NOTHING_HALF}; what is built stays for the next time"):
            files = runner(target.compile.mtriple, self.progress, libc=target.compile.libc)
            if target.compile.kind == "opencl":
                from lab.ondevice.opencl.build import plugin

                files = replace(files, plugin=plugin(target.compile.mtriple, self.progress).path)
            return files

    @contextmanager
    def step(self, name: str, kept: str) -> Iterator[None]:
        """Time a step and say what an interrupt in it leaves."""
        began = time.monotonic()
        with keeping(kept):
            yield
        self.time_s[name] = time.monotonic() - began


def startable_runner(device: Device, runner: RunnerFiles, target: TargetSpec, progress: Progress) -> RunnerFiles:
    """Start the runner on the device before anything is built for it; return it, or one that can be started there.

    Left alone, since the session asks again: this machine, to which nothing has to be sent, and a device that
    somebody else measures on.

    Raises:
        NotStartedError: nothing that is built could ever run there; with the cure.
        DeviceUnreachableError: the device went away.
    """
    if target.device.transport == "local":
        return runner
    what = f"start of the runner on {target.name}"
    try:
        with device_lock(device.serial, what), device.claim(holder_line(what)):
            return startable(device, runner, target, progress.note)
    except BusyError:
        return runner


@contextmanager
def runner_ahead(target: TargetSpec, progress: Progress) -> Iterator[None]:
    """Build the runner while the block runs, and wait for that at its end; nothing is started where it is built.

    Only time is won by it: who needs the runner asks for it afterwards, and is told then why it cannot be built. An
    error of the block, or Ctrl-C, ends the process, and it takes away what is half-made.
    """
    process = _started(target)
    if process is None:
        yield
        return
    try:
        yield
        if process.poll() is None:
            with progress.phase("build the runner"):
                process.communicate()
    finally:
        _end(process)


def _started(target: TargetSpec) -> subprocess.Popen[bytes] | None:
    from lab.ondevice.build import is_built

    with suppress(LabError):
        if target.compile.libc == "device" and not is_built(target.compile.mtriple):
            return start([*PROGRAM, target.compile.mtriple], env=dict(os.environ))
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its pipes
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
        stop_group(process, grace_s=0)
