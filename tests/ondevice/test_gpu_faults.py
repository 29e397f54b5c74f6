"""Drivers with planted faults: each is an error event that names what is wrong, and the process ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lab.ondevice.build import RunnerFiles
from lab.ondevice.events import Error, Info, decode_line
from lab.ondevice.run_log import RunLog, read_run
from tests.ondevice.conftest import GpuBench, Stub, there
from tests.ondevice.opencl.shim import build_shim, faults, without_opencl

pytestmark = pytest.mark.slow

Faulty = Callable[..., GpuBench]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def faulty(files: RunnerFiles, gpu_bench: GpuBench, shim: Path, tmp_path: Path) -> Faulty:
    """A function that returns the runner with faults planted in its driver."""

    def plant(env: Mapping[str, str] | None = None, **wanted: bool | int | str) -> GpuBench:
        bench = GpuBench(files, gpu_bench.plugin, tmp_path, {**(env or {}), **faults(**wanted)})
        if "build_fails" not in wanted:  # what was built before need not be built again
            bench.cache = gpu_bench.cache
        return bench

    return plant


def failed(bench: GpuBench, bundle: Path, *words: str, **sizes: int) -> tuple[RunLog, Error]:
    done = bench.run(bundle, *words, **sizes)
    assert done.code == 1, done.stdout + done.stderr
    log = read_run(done.stdout.splitlines())
    return log, there(log.error)


def test_no_opencl_at_all(faulty: Faulty, gpu_stub: Stub, tmp_path: Path) -> None:
    bench = faulty(without_opencl(tmp_path))
    log, error = failed(bench, gpu_stub.folder)
    assert log.loaded is None
    assert error.where == "opencl"
    assert "libOpenCL.so" in error.message  # what was tried


def test_no_device(faulty: Faulty, gpu_stub: Stub, shim: Path) -> None:
    bench = faulty(no_device=True)
    _, error = failed(bench, gpu_stub.folder, *bench.device(library=str(shim)))
    assert error.where == "opencl"
    assert "Portable Computing Language" in error.message  # the platform that has none


def test_a_kernel_that_does_not_build_leaves_its_log(faulty: Faulty, gpu_stub: Stub, shim: Path) -> None:
    bench = faulty(build_fails="matmul")
    log, error = failed(bench, gpu_stub.folder, *bench.device(library=str(shim)))
    assert "matmul" in error.message
    assert 200 < len(error.message) <= 4000  # the log of the driver is in it, and cut
    assert log.tokens == []


def test_a_device_that_is_lost_mid_run_ends_with_its_reason(faulty: Faulty, gpu_stub: Stub, shim: Path) -> None:
    bench = faulty(lost_after=300)
    log, error = failed(bench, gpu_stub.folder, *bench.device(library=str(shim)), generate=50)
    assert log.loaded is not None
    assert "CL_DEVICE_NOT_AVAILABLE" in error.message
    assert log.end is None


def test_the_next_process_has_the_device_again(faulty: Faulty, gpu_stub: Stub, shim: Path) -> None:
    failed(faulty(gives_up_after=300), gpu_stub.folder, *faulty().device(library=str(shim)), generate=50)
    assert there(faulty().log(gpu_stub.folder, "--verify").verify).passed


def test_a_tensor_that_is_too_large_for_the_device_is_named_with_both_sizes(
    faulty: Faulty, gpu_stub: Stub, shim: Path
) -> None:
    bench = faulty(max_alloc=30000)
    _, error = failed(bench, gpu_stub.folder, *bench.device(library=str(shim)))
    assert "30000" in error.message
    assert "33536" in error.message  # of the embedding


@pytest.mark.parametrize("kind", ["gpu", "cpu"])
def test_the_type_is_what_the_driver_claims(faulty: Faulty, shim: Path, kind: str) -> None:
    bench = faulty(device_type=kind)
    done = bench.call("info", "--runtime", bench.runtime, *bench.device(library=str(shim)))
    said = decode_line(done.stdout.strip(), 1)
    assert isinstance(said, Info)
    assert there(said.gpu).type == kind


def test_a_device_without_fp16_is_refused_by_name(faulty: Faulty, gpu_stub: Stub, shim: Path, tmp_path: Path) -> None:
    manifest = json.loads((gpu_stub.folder / "manifest.json").read_text())
    manifest["target"]["required_features"] = ["cl_khr_fp16"]
    folder = tmp_path / "f16"
    folder.mkdir()
    for name in ("model.so", "weights.bin"):
        (folder / name).symlink_to(gpu_stub.folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    bench = faulty(no_fp16=True)
    _, error = failed(bench, folder, *bench.device(library=str(shim)))
    assert "has no cl_khr_fp16" in error.message
    claiming = faulty(claim_fp16=True)
    assert there(claiming.log(folder, *claiming.device(library=str(shim))).end).status == "ok"
