"""clang with our header takes what TVM writes for Metal, and refuses what Metal would refuse."""

from __future__ import annotations

import pytest

from lab.compile.metal.kernels import Kernel, kernels
from lab.compile.metal.msl import source_faults
from tests.compile.metal.small import compiled

# As TVM writes kernels, with everything in it that ours use: every memory, vectors, barriers, shuffles, matrices.
GOOD = """\
// Function: sample_kernel
#include <metal_stdlib>
using namespace metal;

struct sample_kernel_args_t {
  long n;
};

kernel void sample_kernel(  device half* a [[ buffer(0) ]],
  device const uint* q [[ buffer(1) ]],
  device float* c [[ buffer(2) ]],
  constant sample_kernel_args_t& arg [[ buffer(3) ]],
  uint2 blockIdx [[threadgroup_position_in_grid]],
  uint2 threadIdx [[thread_position_in_threadgroup]]
) {
  thread half4 values[2];
  thread float sum[1];
  threadgroup half shared[64];
  simdgroup_float8x8 D[1];
  simdgroup_half8x8 S[1];
  D[0] = make_filled_simdgroup_matrix<float, 8, 8>(0.000000e+00f);
  simdgroup_load(S[0], (&(shared[0])), 8, 0, (bool)1);
  simdgroup_multiply_accumulate(D[0], S[0], S[0], D[0]);
  simdgroup_store(D[0], (&(c[0])), 8, 0, (bool)0);
  values[0] = half4(0.000000e+00h, 1.000000e+00h, 0.000000e+00h, 0.000000e+00h);
  values[1] = *(device half4*)(a + ((int)blockIdx.x * 4));
  for (ulong i = (ulong)0; i < (ulong)arg.n; ++i) {
    sum[0] = fma(((float)((q[i] >> 4) & (uint)15)), c[i], sum[0]);
  }
  ((volatile threadgroup half*)shared)[threadIdx.x] = (values[0] * values[1])[1];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum[0] = simd_shuffle_down(sum[0], 16) + simd_sum(sum[0]);
  a[0] = ((half)(exp(sum[0]) * rsqrt(max(c[1], 1.000000e-05f))));
  uint bits = as_type<uint>(sum[0]);
  float4 wide = ((float4)*(device half4*)(a + 4)) * float4(sum[0]) + ((float4)values[0]);
  *(device half4*)(a + 8) = ((half4)(wide * wide));
}
"""

# line to put before the end of the kernel -> what is said of it
PLANTED = {
    "a[0] = nothing;": "use of undeclared identifier 'nothing'",
    "a[0] = 1.0h": "expected ';'",
    "a[0] = a + 1;": "assigning to 'half' from incompatible type",
    "half4 v = float4(1.0f);": "cannot initialize a variable of type",
    "half4 v = half4(1.0h, 2.0h);": "as many numbers as it has lanes",
    "c[0] = erf(c[1]);": "use of undeclared identifier 'erf'",
    "c[0] = get_local_id(0);": "use of undeclared identifier 'get_local_id'",
    "c[0] = exp((int)1);": "call to 'exp' is ambiguous",
    "c[0] = max(a[0], c[0]);": "call to 'max' is ambiguous",
    "long v = simd_shuffle((long)1, 1);": "call to 'simd_shuffle' is ambiguous",
    "half4 v = wide;": "cannot initialize a variable of type",
    "half2 v = ((half2)wide);": "as many numbers as it has lanes",
    "wide = values[0];": "assigning to 'float4'",
    "double v = 1.0;": "use of type 'double'",
    "q[0] = 1u;": "read-only variable is not assignable",
    "((constant sample_kernel_args_t*)0)->n = 1;": "read-only variable is not assignable",
    "((constant float*)0)[0] = 1.0f;": "read-only variable is not assignable",
    "arg.n = 1;": "read-only variable is not assignable",
    "thread half* p = a;": "cannot initialize a variable of type '__private half",
    "device half* p = shared;": "cannot initialize a variable of type '__global half",
    "half* p = a;": "cannot initialize a variable of type '__private half",
    "threadgroup half* p = (threadgroup half*)a;": "mismatching address spaces",
    "simdgroup_load(D[0], (&(a[0])), 8, 0, (bool)0);": "no matching function for call to 'simdgroup_load'",
    "uint v = as_type<uint>(a[0]);": "as_type keeps the size",
    "int vertex = 1;": "expected unqualified-id",
    "if (arg.n) { threadgroup half inner[2]; }": "outermost scope of a kernel",
}


def sample(source: str) -> Kernel:
    return kernels(source)[0]


def planted(line: str) -> Kernel:
    return sample(GOOD.removesuffix("}\n") + f"  {line}\n}}\n")


def test_a_good_kernel_has_no_fault() -> None:
    assert source_faults(sample(GOOD)) == []


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_tvm_writes_has_no_fault(dtype: str) -> None:
    found = compiled(dtype=dtype).kernels
    assert len(found) >= 4
    assert {kernel.name: source_faults(kernel) for kernel in found} == {kernel.name: [] for kernel in found}


@pytest.mark.parametrize("line", PLANTED)
def test_a_planted_fault_is_found_at_its_line(line: str) -> None:
    faults = source_faults(planted(line))
    number = len(GOOD.splitlines())
    assert any(PLANTED[line] in fault and line in fault and f"line {number}" in fault for fault in faults), faults


def test_every_fault_of_a_kernel_is_told() -> None:
    faults = source_faults(planted("a[0] = nothing; \n  c[0] = nowhere;"))
    assert ["nothing" in fault or "nowhere" in fault for fault in faults] == [True, True]
