"""The runner, built once, and a stub bundle for it to run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lab.core.proc import Completed, run
from lab.ondevice.build import RunnerFiles, runner
from lab.ondevice.opencl.build import plugin
from lab.ondevice.run_log import RunLog, read_run
from tests.compiled import shared
from tests.ondevice.oracle import Weights
from tests.ondevice.stub_bundle import make_bundle, make_opencl_bundle
from tests.ondevice.stub_model import TRIPLE

T = TypeVar("T")


def there(value: T | None) -> T:
    """Return a value that must have been said."""
    assert value is not None
    return value


@dataclass(frozen=True)
class Stub:
    """The bundle folder and the weights in it."""

    folder: Path
    weights: Weights


class Bench:
    """Calls one runner as a device would; `start` is the words that start it, `runtime` its --runtime."""

    def __init__(self, start: Sequence[str], runtime: str, env: Mapping[str, str]) -> None:
        self.start = list(start)
        self.runtime = runtime
        self.env = {**os.environ, **env}

    def argv(self, bundle: Path, *words: str, prompt: int = 5, generate: int = 4) -> list[str]:
        common = ["--bundle", str(bundle), "--runtime", self.runtime]
        sizes = ["--prompt", str(prompt), "--generate", str(generate)]
        return [*self.start, "run", *common, *sizes, *words]

    def call(self, *words: str) -> Completed:
        return run([*self.start, *words], timeout_s=120, env=self.env)

    def run(self, bundle: Path, *words: str, **sizes: int) -> Completed:
        return run(self.argv(bundle, *words, **sizes), timeout_s=120, env=self.env)

    def log(self, bundle: Path, *words: str, **sizes: int) -> RunLog:
        done = self.run(bundle, *words, **sizes)
        assert done.code == 0, done.stdout + done.stderr
        return read_run(done.stdout.splitlines())


class GpuBench(Bench):
    """The same with an OpenCL device: this machine's, which CI has from PoCL."""

    def __init__(self, files: RunnerFiles, plugin: Path, folder: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__([str(files.binary)], str(files.runtime), {**files.env(), **(env or {})})
        self.plugin = plugin
        self.cache = folder / "programs"

    def device(self, **options: object) -> list[str]:
        given = {"cache_dir": str(self.cache), **options}
        return ["--device", "opencl", "--plugin", str(self.plugin), "--gpu-options", json.dumps(given)]

    def argv(self, bundle: Path, *words: str, prompt: int = 5, generate: int = 4) -> list[str]:
        given = words if "--device" in words else (*words, *self.device())
        return super().argv(bundle, *given, "--prefill-chunk", "1", prompt=prompt, generate=generate)


def local_bench(files: RunnerFiles) -> Bench:
    """The runner at the place where it was built, on this machine."""
    return Bench([str(files.binary)], str(files.runtime), files.env())


@pytest.fixture(scope="session")
def files() -> RunnerFiles:
    return runner(TRIPLE, out_root=shared())


@pytest.fixture(scope="session")
def bench(files: RunnerFiles) -> Bench:
    return local_bench(files)


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    folder = tmp_path_factory.mktemp("stub")
    return Stub(folder, make_bundle(folder))


@pytest.fixture(scope="session")
def gpu_stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    """The stub for an OpenCL device."""
    folder = tmp_path_factory.mktemp("gpu-stub")
    return Stub(folder, make_opencl_bundle(folder))


@pytest.fixture(scope="session")
def gpu_bench(files: RunnerFiles, tmp_path_factory: pytest.TempPathFactory) -> GpuBench:
    """The runner with the OpenCL plug-in, and a cache of its own."""
    folder = tmp_path_factory.mktemp("opencl")
    return GpuBench(files, plugin(TRIPLE, out_root=shared()).path, folder)


@pytest.fixture
def changed(stub: Stub, tmp_path: Path) -> Callable[..., Path]:
    """A function that copies the bundle and passes its manifest, as plain data, to an `edit`."""

    def change(edit: Callable[[dict[str, Any]], object]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(stub.folder, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        edit(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return change
