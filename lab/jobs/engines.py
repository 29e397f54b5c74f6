"""The engines of a run, one or several: what each name needs to be built, and the setups that a session takes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from lab.core.atomic import write_bytes
from lab.core.errors import LabError, UsageError
from lab.core.home import compiled_dir
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.run_record import ImageRecord, TimesRecord
from lab.formats.target import TargetSpec
from lab.jobs.build import Pipeline, startable_runner
from lab.measure.engine import Setup
from lab.measure.llama.engine import LlamaSetup
from lab.measure.llama.peer import find_llama_bench
from lab.measure.llama.peers import PEERS
from lab.measure.runner.setup import RunnerSetup
from lab.models.catalog import ModelSpec
from lab.models.families import family_of
from lab.models.sources import WeightSource
from lab.ondevice.build import RunnerFiles


@dataclass(frozen=True)
class PreparedImage:
    """The image before the prompts, as records hold it; of a given one the `file` of its patches, float32."""

    record: ImageRecord
    file: Path | None = None


def prepared_image(spec: ModelSpec, given: Path | None) -> PreparedImage | None:
    """Return the image that the model reads, None where it reads none; ModelError for a file that is no image."""
    family = family_of(spec.config)
    if given is None:
        return PreparedImage(ImageRecord("synthetic")) if family.image(spec.config) else None
    data = family.pixels(spec.config, given).astype("<f4").tobytes()
    sha256 = hashlib.sha256(data).hexdigest()
    file = compiled_dir() / "scratch" / "images" / f"{sha256[:12]}.f32"
    if not file.exists():
        write_bytes(file, data)
    return PreparedImage(ImageRecord("file", sha256), file)


@dataclass(frozen=True)
class Builder:
    """Builds the engines of one command; `dump_ir` is for those that lab compiles.

    `programs` has the llama-bench of peers, by name, where they are not those that `find_llama_bench` finds. `image`
    comes before every prompt.
    """

    spec: ModelSpec
    target: TargetSpec
    source: WeightSource
    dump_ir: Path | None
    progress: Progress
    programs: Mapping[str, Path] = field(default_factory=dict)
    image: PreparedImage | None = None

    def setups(self, names: Sequence[str], device: Device) -> tuple[list[Setup], RunnerFiles]:
        """Return every engine built, in order, and the runner, one that `device` can start.

        What is missing is told before anything is built. Another device is asked whether it can start the runner before
        anything is compiled for it; for this machine the runner is built while the first library is compiled.
        """
        programs, is_here = self._programs(names), self.target.device.transport == "local"
        steps = Pipeline(self.progress)
        runner = None if is_here else self._runner(steps, device)
        made = [self._made(name, programs.get(name), runner_follows=is_here) for name in names]
        runner = runner or self._runner(steps, device)
        pixels = None if self.image is None else self.image.file
        return [one.setup(runner, steps.time_s["runner"], self.progress, pixels) for one in made], runner

    def _runner(self, steps: Pipeline, device: Device) -> RunnerFiles:
        return startable_runner(device, steps.runner(self.target), self.target, self.progress)

    def _programs(self, names: Sequence[str]) -> dict[str, Path]:
        """Return the peers' programs, of those that are asked for; what stands against them is said here."""
        peers = [name for name in names if name in PEERS]
        if self.dump_ir is not None and peers and len(peers) == len(names):
            raise UsageError(
                f"--dump-ir shows how lab compiles; it cannot be used with --engine {','.join(peers)} alone"
            )
        if peers and self.target.compile.kind != "llvm":
            raise UsageError(
                f"--engine {peers[0]}: {peers[0]} computes on the processor here, and {self.target.name} is a GPU",
                hint="measure both on the processor: --target local",
            )
        if peers:
            require_gguf(peers[0])
        return {name: self.programs.get(name) or find_llama_bench(PEERS[name]) for name in peers}

    def _made(self, name: str, program: Path | None, *, runner_follows: bool) -> _Made:
        steps = Pipeline(self.progress, runner_follows=runner_follows)
        if program is not None:
            folders = steps.ggufs(self.spec, self.source, all_types=PEERS[name].has_variants)
            return _Made(name, self.target, tuple(folders), TimesRecord(convert=steps.time_s["convert"]), program)
        backend = cast(Literal["tvm", "mlc"], name)  # the option takes no other
        target = replace(self.target, compile=replace(self.target.compile, backend=backend))
        bundle = steps.bundle(self.spec, target, self.source, self.dump_ir)
        return _Made(name, target, (bundle,), TimesRecord(steps.time_s["compile"], steps.time_s["convert"]))


@dataclass(frozen=True)
class _Made:
    """What one engine runs, and what was spent on it; a peer has a `program` of its own."""

    name: str
    target: TargetSpec
    folders: tuple[Path, ...]
    times: TimesRecord
    program: Path | None = None

    def setup(self, runner: RunnerFiles, runner_s: float, progress: Progress, pixels: Path | None) -> Setup:
        """Return the setup with the runner, which measures the roofs of a peer too."""
        times = replace(self.times, runner=runner_s)
        if self.program is not None:
            return LlamaSetup(PEERS[self.name], self.program, list(self.folders), self.target, progress, times)
        (bundle,) = self.folders
        return RunnerSetup(bundle, self.target, runner, progress, times, pixels)


def require_gguf(name: str) -> None:
    """Raise LabError with the install command when the gguf package is missing."""
    try:
        import lab.models.gguf_file  # noqa: F401
    except ImportError as problem:
        raise LabError(
            f"engine {name} needs the package gguf: {problem}",
            hint="pip install gguf; in a checkout of lab: pip install -e '.[peers]'",
        ) from problem
