"""A session on a GPU: what is checked first, what is told to the runner, what stands in the record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.run.flags import run_flags
from lab.core.errors import DeviceError, DeviceFailedError, MeasureError
from lab.formats.manifest import TensorEntry
from lab.formats.run.gpu import KernelTimes
from lab.formats.target import CompileSpec, MeasureSpec, OpenClSpec, TargetSpec
from lab.measure.checks import check_ram_share
from lab.measure.plan import Plan, cells_of
from lab.measure.runner.gpu_checks import check_gpu
from lab.ondevice.gpu_events import GpuFacts
from tests.measure.bench import PLAN, Bench
from tests.measure.samples import TARGET, manifest

ON_GPU = {"kind": "opencl", "isa": "any-f16", "required_features": ["cl_khr_fp16"]}


@pytest.fixture
def gpu_target() -> TargetSpec:
    compile_spec = CompileSpec(kind="opencl", gpu="any-f16")
    return replace(TARGET, compile=compile_spec, opencl=OpenClSpec(device="Example", library="/vendor/libOpenCL.so"))


@pytest.fixture
def gpu_bench(bench: Bench, gpu_target: TargetSpec) -> Bench:
    bench.target = gpu_target
    bench.blocks = {"target": ON_GPU, "weights": {"layout": "mlc-kn"}}
    return bench


def options(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(words[words.index("--gpu-options") + 1])
    return found


def test_the_runner_is_told_which_device(gpu_bench: Bench, tmp_path: Path) -> None:
    gpu_bench.run()
    for words in [*gpu_bench.calls(), *gpu_bench.calls("info")[:1]]:
        assert words[words.index("--device") + 1] == "opencl"
        assert words[words.index("--plugin") + 1] == str(tmp_path / "liblab_opencl.so")
        told = options(words)
        assert (told["device"], told["library"], told["profile"]) == ("Example", "/vendor/libOpenCL.so", False)
        assert Path(told["cache_dir"]).is_dir()
    assert "--device" not in gpu_bench.calls("bandwidth")[0]


def test_the_record_says_what_the_gpu_is_and_did(gpu_bench: Bench) -> None:
    record = gpu_bench.run()
    assert record.status == "ok"
    assert record.engine.requested == "opencl any-f16"
    assert record.engine.effective == "opencl Example GPU (Example CL 1.2 GPU device)"
    assert record.engine.ran_on.gpu.extensions == ("cl_khr_fp16",)
    assert record.engine.fell_back is False
    assert (record.bundle.mlc_quantisation, record.bundle.decode) == ("q4f16_0", None)
    did = record.cells[0].repetitions[0].gpu
    assert (did.launches_per_token, did.prefill_launches, did.build_s) == (25.0, 30, 1.5)
    assert (did.programs_built, did.alloc_peak_bytes, did.bytes_per_token) == (5, 70, None)
    memory = record.cells[0].memory
    assert memory is not None
    assert (memory.opencl_alloc_peak_bytes, memory.opencl_zero_copy_bytes) == (70, 9)
    assert record.cells[0].profile is None


@pytest.mark.parametrize(("accepted", "verdict"), [(False, True), (True, False)])
def test_a_cpu_in_place_of_a_gpu_is_a_verdict(gpu_bench: Bench, accepted: bool, verdict: bool) -> None:
    gpu_bench.target = replace(gpu_bench.target, opencl=OpenClSpec(accept_cpu=accepted))
    gpu_bench.script["gpu"] = {"type": "cpu"}
    record = gpu_bench.run()
    assert record.engine.fell_back is verdict
    assert record.engine.effective == "opencl Example GPU (Example CL 1.2 CPU device)"


@pytest.mark.parametrize("kind", ["accelerator", "other"])
@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (OpenClSpec(), True),
        (OpenClSpec(device="Example"), True),
        (OpenClSpec(device="gpu"), True),
        (OpenClSpec(accept_cpu=True), False),
    ],
)
def test_only_type_gpu_is_a_gpu(gpu_bench: Bench, kind: str, asked: OpenClSpec, verdict: bool) -> None:
    gpu_bench.target = replace(gpu_bench.target, opencl=asked)
    gpu_bench.script["gpu"] = {"type": kind}
    record = gpu_bench.run()
    assert record.engine.fell_back is verdict
    codes = {flag.code for flag in run_flags(record)}
    assert ("fell_back" if verdict else "cpu_device") in codes


def test_an_accelerator_that_was_asked_for_by_type_did_not_fall_back(gpu_bench: Bench) -> None:
    gpu_bench.target = replace(gpu_bench.target, opencl=OpenClSpec(device="Accelerator"))
    gpu_bench.script["gpu"] = {"type": "accelerator"}
    record = gpu_bench.run()
    assert record.engine.fell_back is False
    assert "fell_back" not in {flag.code for flag in run_flags(record)}


def test_a_profile_is_a_process_of_its_own(gpu_bench: Bench) -> None:
    record = gpu_bench.run(profile=True)
    *others, last = gpu_bench.calls()
    assert "--profile" in last
    assert options(last)["profile"] is True
    assert not any("--profile" in words for words in others)
    found = record.cells[0].profile
    assert [one.kernel for one in found.decode] == ["product", "norm"]  # the longest first
    assert found.prefill[0] == KernelTimes("product", 4, 0.008)
    assert found.decode_steps == 19


def test_a_profile_that_fails_is_a_reason_and_nothing_else(gpu_bench: Bench) -> None:
    gpu_bench.faults = {"3": "sigsegv"}  # after two repetitions and the memory pass
    record = gpu_bench.run(profile=True)
    assert record.status == "ok"
    assert "SIGSEGV" in record.cells[0].profile.reason


def test_the_log_of_a_driver_stands_beside_the_reason(gpu_bench: Bench) -> None:
    gpu_bench.faults = {"0": "build"}
    row, other = gpu_bench.run().cells[0].repetitions
    assert row.status == "failed"
    assert row.reason == "forward: the driver failed to build a kernel: matmul"
    assert row.error.endswith("half half")
    assert "error: [31mno such type" in row.error  # without what would colour a terminal
    assert other.status == "ok"  # a new process


def test_no_driver_is_an_error_before_anything_is_pushed(gpu_bench: Bench) -> None:
    gpu_bench.script["gpu"] = "no OpenCL library: tried libOpenCL.so\nand libOpenCL.so.1"
    with pytest.raises(DeviceFailedError, match=r"tried libOpenCL.so / and libOpenCL.so.1") as found:
        gpu_bench.run()
    assert found.value.hint is not None
    assert "[opencl].library" in found.value.hint
    assert gpu_bench.calls() == gpu_bench.calls("stage") == []


def test_a_missing_extension_is_refused_with_what_to_set(gpu_bench: Bench) -> None:
    gpu_bench.script["gpu"] = {"extensions": ["cl_khr_fp64"]}
    with pytest.raises(DeviceError, match=r"\(Example GPU\) has no cl_khr_fp16") as found:
        gpu_bench.run()
    assert found.value.hint is not None
    assert '[compile].gpu = "any-f32" in targets/' in found.value.hint
    assert gpu_bench.calls() == []


PHONE = GpuFacts("Adreno (TM) 750", "gpu", max_alloc_bytes=1 << 30, global_bytes=6 << 30)


def large(nbytes: int) -> Any:
    tensor = TensorEntry("model.embed_tokens.q_weight", "uint32", (nbytes // 4,), 0, nbytes)
    return replace(manifest(target={"kind": "opencl"}), tensors=(tensor,))


def test_a_tensor_over_the_limit_is_named(gpu_target: TargetSpec) -> None:
    check_gpu(PHONE, large(1 << 30), gpu_target, PLAN)
    with pytest.raises(
        MeasureError, match=r"model.embed_tokens.q_weight has 1.0 GiB, but Adreno \(TM\) 750 takes 1.0 GiB"
    ):
        check_gpu(PHONE, large((1 << 30) + 4), gpu_target, PLAN)


def test_a_cache_over_the_limit_is_refused_by_layer(gpu_target: TargetSpec) -> None:
    sized = manifest(target={"kind": "opencl"}, memory={"kv_bytes_per_token": 32 << 20})
    plan = replace(PLAN, cells=cells_of([1000], [20], [0]))  # 1024 tokens in pages, of 1 MiB a layer
    check_gpu(replace(PHONE, max_alloc_bytes=1 << 30, global_bytes=None), sized, gpu_target, plan)
    with pytest.raises(MeasureError, match=r"a layer's KV cache has 1.0 GiB"):
        check_gpu(replace(PHONE, max_alloc_bytes=(1 << 30) - 1, global_bytes=None), sized, gpu_target, plan)


def test_a_model_over_the_memory_of_the_gpu_is_refused_with_the_sum(gpu_target: TargetSpec) -> None:
    sized = manifest(target={"kind": "opencl"}, memory={"weights_bytes": 7 << 30})
    with pytest.raises(MeasureError, match=r"needs 7.0 GiB weights \+ .* = 7.0 GiB, Adreno \(TM\) 750 has 6.0 GiB"):
        check_gpu(PHONE, sized, gpu_target, PLAN)


@pytest.mark.parametrize(("share", "fits"), [(0.5, True), (0.49, False)])
def test_a_model_may_take_a_share_of_the_memory(share: float, fits: bool) -> None:
    target = replace(TARGET, measure=MeasureSpec(ram_share=share))
    facts = {"mem_total_bytes": 8 << 30}
    plan = Plan(cells_of([8], [8], [0]), measure=MeasureSpec(prefill_chunk=1))
    sized = manifest(memory={"weights_bytes": (4 << 30) - (4 << 20)})
    if fits:
        check_ram_share(plan, sized, facts, target)
        return
    with pytest.raises(MeasureError, match=r"may take 49 % of its 8.0 GiB = 3.9 GiB") as found:
        check_ram_share(plan, sized, facts, target)
    assert "[measure].ram_share" in str(found.value.hint)
