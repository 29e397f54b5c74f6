"""The runner on an OpenCL device: the oracle's numbers, what it says of the device, what it counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.ondevice.events import Info, decode_line
from tests.ondevice import oracle
from tests.ondevice.conftest import Bench, GpuBench, Stub, there
from tests.ondevice.stub_model import VOCAB

pytestmark = pytest.mark.slow


def relative_error(got: oracle.Array, want: oracle.Array) -> float:
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def test_generates_what_the_oracle_generates(gpu_bench: GpuBench, gpu_stub: Stub, tmp_path: Path) -> None:
    out = tmp_path / "logits"
    words = ["--depth", "3", "--seed", "11", "--dump-logits", str(out)]
    log = gpu_bench.log(gpu_stub.folder, *words, prompt=5, generate=9)
    ids, rows = oracle.generate(gpu_stub.weights, oracle.splitmix64_ids(11, 8, VOCAB), 9)
    assert [token.id for token in log.tokens] == ids
    assert relative_error(np.fromfile(out, dtype="<f4").reshape(9, VOCAB), rows) < 1e-5


def test_weights_that_are_copied_give_the_same(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    log = gpu_bench.log(gpu_stub.folder, "--verify", *gpu_bench.device(zero_copy=False))
    counters = there(log.memory).counters
    assert counters.opencl_zero_copy_bytes == 0
    assert there(counters.opencl_alloc_peak_bytes) >= there(log.loaded).weights_bytes - 4096 * 15  # without its gaps
    assert there(log.verify).passed


def test_weights_that_stay_where_they_lie_are_counted(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    log = gpu_bench.log(gpu_stub.folder, "--verify", *gpu_bench.device(zero_copy=True))
    assert there(there(log.memory).counters.opencl_zero_copy_bytes) > 0
    assert there(there(log.verify).rel_error) < 1e-5


def test_says_which_device_ran(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    log = gpu_bench.log(gpu_stub.folder)
    where = there(log.loaded).ran_on
    gpu = there(where.gpu)
    assert (where.device, where.pool, where.bound) == ("opencl", "none", False)
    assert gpu.device
    assert gpu.library in gpu.tried
    assert there(gpu.max_alloc_bytes) > 0


def test_counts_the_launches_of_a_decode_step(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    short = there(gpu_bench.log(gpu_stub.folder, prompt=2, generate=3).gpu)
    long = there(gpu_bench.log(gpu_stub.folder, prompt=2, generate=9).gpu)
    assert (short.decode_steps, long.decode_steps) == (2, 8)
    assert short.launches_per_token == long.launches_per_token
    assert there(long.launches_per_token) > 10
    assert there(long.stats).launches > there(long.decode_launches) + there(long.prefill_launches)  # the warm-up's too
    assert (long.prefill_profile, long.decode_profile) == (None, None)


def test_a_run_of_one_token_has_no_decode_step(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    did = there(gpu_bench.log(gpu_stub.folder, generate=1).gpu)
    assert (did.decode_steps, did.decode_launches, did.launches_per_token) == (0, None, None)


def test_programs_are_built_once(gpu_bench: GpuBench, gpu_stub: Stub, tmp_path: Path) -> None:
    words = gpu_bench.device(cache_dir=str(tmp_path / "programs"))
    first, second = (there(there(gpu_bench.log(gpu_stub.folder, *words).gpu).stats) for _ in range(2))
    assert first.programs_built > 0
    assert (second.programs_built, second.programs_cached) == (0, first.programs_built)


def test_a_profile_has_every_launch_of_the_timed_part(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    did = there(gpu_bench.log(gpu_stub.folder, "--profile", *gpu_bench.device(profile=True)).gpu)
    decode, prefill = there(did.decode_profile), there(did.prefill_profile)
    assert sum(one.count for one in decode) == did.decode_launches
    assert sum(one.count for one in prefill) == did.prefill_launches
    assert all(one.total_ns > 0 for one in decode)


def test_info_has_the_device(gpu_bench: GpuBench) -> None:
    done = gpu_bench.call("info", "--runtime", gpu_bench.runtime, *gpu_bench.device())
    said = decode_line(done.stdout.strip(), 1)
    assert isinstance(said, Info)
    assert there(said.gpu).device


def test_a_bundle_for_opencl_is_not_run_on_the_processor(bench: Bench, gpu_stub: Stub) -> None:
    done = bench.run(gpu_stub.folder)
    assert done.code == 1
    assert "was compiled for opencl, so it needs --device opencl, not cpu" in done.stdout


def test_a_bundle_for_the_processor_is_not_run_on_opencl(gpu_bench: GpuBench, stub: Stub) -> None:
    done = gpu_bench.run(stub.folder)
    assert done.code == 1
    assert "was compiled for llvm, so it needs --device cpu, not opencl" in done.stdout


def test_a_missing_extension_is_named_before_anything_is_loaded(
    gpu_bench: GpuBench, gpu_stub: Stub, tmp_path: Path
) -> None:
    folder = _edited(gpu_stub, tmp_path, lambda manifest: manifest["target"].update(required_features=["cl_khr_none"]))
    done = gpu_bench.run(folder)
    assert done.code == 1
    assert '"where":"opencl"' in done.stdout
    assert "has no cl_khr_none, which the library was compiled for" in done.stdout
    assert 'any-f32\\" in targets/local.toml' in done.stdout
    assert '"event":"loaded"' not in done.stdout


def test_a_plug_in_that_is_none_is_an_error(gpu_bench: GpuBench, gpu_stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "none.so").write_bytes(b"no library")
    done = gpu_bench.run(gpu_stub.folder, "--device", "opencl", "--plugin", str(tmp_path / "none.so"))
    assert done.code == 1
    assert "none.so" in json.loads(done.stdout.splitlines()[-1])["message"]


def test_a_library_that_brings_no_device_is_an_error(gpu_bench: GpuBench, gpu_stub: Stub) -> None:
    done = gpu_bench.run(gpu_stub.folder, "--device", "opencl", "--plugin", gpu_bench.runtime)
    assert "brings no device of kind opencl" in done.stdout


def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(gpu_bench: GpuBench) -> None:
    done = gpu_bench.call("info", "--runtime", gpu_bench.runtime, *gpu_bench.device(device="Adreno"))
    error = json.loads(done.stdout)
    assert (error["event"], error["where"]) == ("error", "opencl")
    assert "Adreno" in error["message"]


def test_options_of_a_gpu_need_one(bench: Bench, stub: Stub) -> None:
    for words in (["--profile"], ["--plugin", "x"], ["--device", "opencl"], ["--device", "cuda"]):
        assert bench.run(stub.folder, *words).code == 2


def _edited(stub: Stub, folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    manifest = json.loads((stub.folder / "manifest.json").read_text())
    edit(manifest)
    for name in ("model.so", "weights.bin"):
        (folder / name).symlink_to(stub.folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
