"""Launches are read from the lowered program, and those that no Apple GPU takes are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tvm
from tvm.script import ir as I  # noqa: N812 - as TVMScript is written
from tvm.script import tirx as T  # noqa: N812

from lab.compile.contract import Launch
from lab.compile.metal.kernels import Kernel, kernels
from lab.compile.metal.limits import MAX_GROUPS, limit_faults, threadgroup_bytes
from lab.compile.pipeline import LaunchRecorder
from lab.core.errors import CompileError
from tests.compile.metal.small import LARGEST, MAC, compiled
from tests.compile.metal.test_msl import GOOD, sample

FITS = Launch("sample_kernel", (4, 2, 1), (32, 8, 1))


def faults(kernel: Kernel, launch: Launch = FITS) -> list[str]:
    return limit_faults(kernel, {launch.kernel: launch})


def test_the_kernels_of_a_network_fit() -> None:
    built = compiled()
    assert [fault for kernel in built.kernels for fault in limit_faults(kernel, built.seen.launches)] == []


def test_sizes_of_run_time_count_as_the_largest() -> None:
    launches = compiled().seen.launches.values()
    assert max(launch.groups[0] for launch in launches) == LARGEST
    assert all(launch.threads != (1, 1, 1) for launch in launches)


def test_host_functions_are_those_without_a_launch() -> None:
    built = compiled()
    assert {f"{name}_kernel" for name in built.seen.functions} >= set(built.seen.launches)


@pytest.mark.parametrize(
    ("launch", "said"),
    [
        (replace(FITS, threads=(1025, 1, 1)), "1025 x 1 x 1 = 1025 threads"),
        (replace(FITS, threads=(32, 32, 2)), "32 x 32 x 2 = 2048 threads"),
        (replace(FITS, groups=(1, MAX_GROUPS + 1, 1)), "threadgroups along y"),
    ],
)
def test_a_launch_that_is_too_large_is_found(launch: Launch, said: str) -> None:
    assert any(said in fault for fault in faults(sample(GOOD), launch))


def test_the_largest_launch_is_none_too_many() -> None:
    assert faults(sample(GOOD), replace(FITS, threads=(1024, 1, 1), groups=(MAX_GROUPS, 1, 1))) == []


def test_a_kernel_that_is_never_launched_is_an_error() -> None:
    with pytest.raises(CompileError, match="sample_kernel"):
        limit_faults(sample(GOOD), {})


@pytest.mark.parametrize(("count", "fits"), [(16384, True), (16385, False)])
def test_threadgroup_memory_is_counted(count: int, fits: bool) -> None:
    kernel = sample(GOOD.replace("shared[64]", f"shared[{count}]"))
    assert threadgroup_bytes(kernel) == 2 * count
    assert ("bytes of threadgroup memory" in "".join(faults(kernel))) is not fits


def test_arrays_are_counted_at_their_alignment() -> None:
    kernel = sample(GOOD.replace("threadgroup half shared[64];", "threadgroup half a[1];\n  threadgroup float3 b[2];"))
    assert threadgroup_bytes(kernel) == 16 + 2 * 16


@pytest.mark.parametrize(
    "array", ["threadgroup half shared;", "threadgroup half shared[n];", "threadgroup sampler s[1];"]
)
def test_memory_of_unknown_size_is_an_error(array: str) -> None:
    with pytest.raises(CompileError, match="sample_kernel"):
        threadgroup_bytes(sample(GOOD.replace("threadgroup half shared[64];", array)))


@pytest.mark.parametrize(("count", "fits"), [(31, True), (32, False)])
def test_buffers_are_counted(count: int, fits: bool) -> None:
    more = "".join(f"device half* b{i} [[ buffer({i}) ]],\n  " for i in range(4, count))
    kernel = sample(GOOD.replace("uint2 blockIdx", f"{more}uint2 blockIdx"))
    assert ("buffers, and Metal" in "".join(faults(kernel))) is not fits


@I.ir_module
class TooLarge:
    @T.prim_func(s_tir=True)
    def wide(a: T.handle):  # noqa: N805
        A = T.match_buffer(a, (4096,), "float32")  # noqa: N806
        for i in T.thread_binding(2, thread="blockIdx.x"):
            for j in T.thread_binding(2048, thread="threadIdx.x"):
                with T.sblock("b"):
                    x = T.axis.spatial(4096, i * 2048 + j)
                    A[x] = A[x] + T.float32(1)


def test_a_program_with_too_many_threads_is_found() -> None:
    seen = LaunchRecorder(LARGEST)
    target = tvm.target.Target(
        {"kind": "metal", "max_num_threads": 4096, "max_threads_per_block": 4096},
        host=tvm.target.Target({"kind": "llvm", "mtriple": MAC}),
    )
    with tvm.transform.PassContext(opt_level=3, instruments=[seen]):
        built = tvm.tirx.build(TooLarge, target=target)
    (kernel,) = kernels("".join(part.inspect_source() for part in built.imports))
    assert limit_faults(kernel, seen.launches) == [
        "2048 x 1 x 1 = 2048 threads a threadgroup, and Metal takes 1024 at most"
    ]
