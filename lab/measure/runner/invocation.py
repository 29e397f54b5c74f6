"""The runner as it lies on a device, and the words it is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.manifest import BundleManifest
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.measure.plan import Plan
from lab.measure.runner.gpu import GpuCall, gpu_call
from lab.ondevice.build import RunnerFiles

# The KV cache in huge pages, where glibc knows how; elsewhere without effect. Decode at depth reads it 10 % faster.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
MIN_BANDWIDTH_BYTES = 64 << 20  # smaller buffers would stay in a cache


@dataclass(frozen=True)
class Placed:
    """The runner as it lies on a device; `call` is the words that start it."""

    call: tuple[str, ...]
    runtime: str
    env: Mapping[str, str]
    gpu: GpuCall | None = None

    def info(self) -> list[str]:
        """Return the words that ask what runner, processor and GPU are."""
        return [*self.call, "info", "--runtime", self.runtime, *(self.gpu.words() if self.gpu else [])]

    def bandwidth(self, plan: Plan, available_bytes: int | None, loop: str | None = None) -> list[str]:
        """Return the words for a read of memory, of half of what is available at the most.

        By `loop`; without one, by the fastest of all that the processor has, which takes a trial of each.
        """
        wanted = plan.bandwidth_bytes
        fits = wanted if available_bytes is None else min(wanted, available_bytes // 2)
        size = max(MIN_BANDWIDTH_BYTES, fits)
        counts = {"threads": plan.threads, "bytes": size, "passes": plan.bandwidth_passes}
        return [*self.call, "bandwidth", *_options(counts), *(("--loop", loop) if loop else ())]

    def peak(self, plan: Plan) -> list[str]:
        """Return the words for the arithmetic peak."""
        return [*self.call, "peak", *_options({"threads": plan.threads, "passes": plan.peak_passes})]


@dataclass(frozen=True)
class Invocation:
    """Paths on the device, and the plan's settings, turned into command lines."""

    call: tuple[str, ...]
    runtime: str
    bundle: str
    plan: Plan
    env: Mapping[str, str]
    gpu: GpuCall | None = None
    image: str | None = None

    def stage(self) -> list[str]:
        """Return the words that bring the weights into the device's page cache."""
        return [*self.call, "stage", "--bundle", self.bundle]

    def timed(self, cell: Test, *, verify: bool) -> list[str]:
        """Return the words for one timed repetition of `cell`."""
        words = self._run(cell, self.plan.measure.prefill_chunk, self.plan.measure.warmup_cap)
        return [*words, "--verify"] if verify else words

    def memory_pass(self, cell: Test) -> list[str]:
        """Return the words for the memory pass of `cell`; see `shortened`."""
        # The chunk that the timed runs use, which never is longer than what they feed.
        chunk = min(self.plan.measure.prefill_chunk, max(cell.prompt, cell.depth))
        words = self._run(shortened(cell, self.plan.memory_generate), chunk, warmup_cap=0)
        return [*words, "--memory-interval-ms", str(self.plan.memory_interval_ms)]

    def profile_pass(self, cell: Test) -> list[str]:
        """Return the words for the pass that times every kernel of the GPU: its own times count for nothing else."""
        return self._run(cell, self.plan.measure.prefill_chunk, self.plan.measure.warmup_cap, profile=True)

    def _run(self, cell: Test, chunk: int, warmup_cap: int, *, profile: bool = False) -> list[str]:
        options = {
            "bundle": self.bundle,
            "runtime": self.runtime,
            "prompt": cell.prompt,
            "generate": cell.generate,
            "depth": cell.depth,
            "context": cell.context,
            "threads": self.plan.threads,
            "prefill-chunk": chunk,
            "seed": self.plan.seed,
            "warmup-cap": warmup_cap,
            "warmup-spread": self.plan.measure.warmup_spread,
        }
        gpu = self.gpu.words(profile=profile) if self.gpu else []
        image = ["--image", self.image] if self.image else []
        return [*self.call, "run", *_options(options), *image, *gpu, *(["--profile"] if profile else [])]


def place_runner(device: Device, runner: RunnerFiles, target: TargetSpec | None = None) -> Placed:
    """Bring the runner and its libraries to the device; return how to call it there.

    With the `target` of a GPU, `info` asks for that too.
    """
    folder = f"runner/{runner.key[:12]}"
    plugin = () if runner.plugin is None else (runner.plugin,)
    names = {path: f"{folder}/{path.name}" for path in (runner.binary, *runner.libs, *runner.carried, *plugin)}
    # Libraries are often links to a name with a version; what goes along is the file, under the name that is asked for.
    there = device.push_all({name: path.resolve() for path, name in names.items()})
    paths = {path: there[name] for path, name in names.items()}
    placed = _placed(runner, paths)
    if target is None:
        return placed
    return replace(placed, gpu=gpu_call(device, target, runner, paths.get(runner.plugin) if runner.plugin else None))


def _placed(runner: RunnerFiles, there: Mapping[Path, str]) -> Placed:
    binary, runtime = there[runner.binary], there[runner.runtime]
    beside = (*runner.libs, *runner.carried)
    libraries = ":".join(dict.fromkeys(str(PurePosixPath(there[path]).parent) for path in beside))
    if not runner.carried:
        return Placed((binary,), runtime, {runner.search_variable: libraries, **HUGE_PAGES})
    # Called by hand, because the one that the binary asks for is not on the device. LD_LIBRARY_PATH stays as it is:
    # the device's own programs must not load these.
    loader = there[runner.carried[0]]
    return Placed((loader, "--library-path", libraries, binary), runtime, HUGE_PAGES)


def place_bundle(
    device: Device,
    placed: Placed,
    bundle: Path,
    manifest: BundleManifest,
    plan: Plan,
    progress: Progress | None = None,
) -> Invocation:
    """Bring the bundle to the device where the runner is; return how to call it there."""
    there = device.push(bundle, f"bundle/{manifest.key[:12]}", progress)
    return Invocation(placed.call, placed.runtime, there, plan, placed.env, placed.gpu)


def shortened(cell: Test, generate: int) -> Test:
    """Return `cell` with at most `generate` tokens to make and the rest fed before the clock starts.

    The cache comes to hold as many tokens as in the timed runs, so the peak is theirs, in less time.
    """
    kept = min(cell.generate, generate)
    return replace(cell, generate=kept, depth=cell.depth + cell.generate - kept)


def _options(values: Mapping[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]
