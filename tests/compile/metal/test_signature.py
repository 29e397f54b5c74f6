"""A kernel's parameters: every pointer at its own buffer, every other one a position."""

from __future__ import annotations

import pytest

from lab.compile.metal.check import signature_faults
from lab.compile.metal.kernels import kernels
from lab.core.errors import CompileError
from tests.compile.metal.small import compiled
from tests.compile.metal.test_msl import GOOD, sample

PLANTED = {
    ("c [[ buffer(2) ]]", "c"): "parameter c has no [[ buffer(2) ]]",
    ("c [[ buffer(2) ]]", "c [[ buffer(1) ]]"): "parameter c is [[ buffer(1) ]] and the runtime sets buffer 2",
    ("c [[ buffer(2) ]]", "c [[ texture(2) ]]"): "parameter c has no [[ buffer(2) ]]",
    ("arg [[ buffer(3) ]]", "arg"): "parameter arg has no [[ buffer(3) ]]",
    ("uint2 blockIdx [[threadgroup_position_in_grid]]", "uint2 blockIdx"): "parameter blockIdx is neither",
    ("uint2 blockIdx", "int2 blockIdx"): "parameter blockIdx is a position of type int2",
    ("uint2 blockIdx", "uint3 blockIdx"): "its positions have different types: uint3, uint2",
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_fault_is_found(change: tuple[str, str]) -> None:
    assert change[0] in GOOD
    faults = signature_faults(sample(GOOD.replace(*change)))
    assert any(PLANTED[change] in fault for fault in faults), faults


def test_good_kernels_have_no_fault() -> None:
    assert signature_faults(sample(GOOD)) == []
    assert [fault for kernel in compiled().kernels for fault in signature_faults(kernel)] == []


def test_a_module_is_split_into_its_kernels() -> None:
    text = GOOD + GOOD.replace("sample_kernel", "other_kernel")
    assert [kernel.name for kernel in kernels(text)] == ["sample_kernel", "other_kernel"]
    assert all(kernel.source.count("#include") == 1 for kernel in kernels(text))


@pytest.mark.parametrize("change", [("kernel void sample_kernel(", "void sample_kernel("), ("q [[", "[[")])
def test_a_signature_that_cannot_be_read_is_an_error(change: tuple[str, str]) -> None:
    with pytest.raises(CompileError, match="sample_kernel"):
        sample(GOOD.replace(*change))
