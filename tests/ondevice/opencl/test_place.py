"""Weights on the device: in their place, or copied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ondevice.opencl.conftest import Bench

PLACE = """
import tvm_ffi
memory = np.empty(3 * 4096, dtype="uint8")
start = -memory.ctypes.data % 4096
def placed(offset):
    values = memory[start + offset : start + offset + 1024].view("float32")
    values[:] = np.arange(256)
    tensor = F("lab.opencl.place")(tvm_ffi.from_dlpack(values))
    result = empty((256,))
    kernels["add"](tensor, result, 1.0)
    assert (result.numpy() == np.arange(256) + 1).all()
    return tensor
"""


def place(bench: Bench, offset: int, options: dict[str, Any] | None = None, **planted: bool) -> tuple[int, int]:
    """Place 1 KiB that starts this far into a page; bytes read in place, and bytes copied."""
    said = bench.run(PLACE + f"tensor = placed({offset})\nout(stats=stats())", options, **planted)
    return said["stats"]["zero_copy_bytes"], said["stats"]["to_device_bytes"]


def test_aligned_weights_stay_where_they_are(bench: Bench) -> None:
    assert place(bench, 0) == (1024, 0)


@pytest.mark.slow
def test_others_are_copied(bench: Bench) -> None:
    assert place(bench, 64) == (0, 1024)  # PoCL wants 128
    assert place(bench, 0, {"zero_copy": False}) == (0, 1024)
    assert place(bench, 0, discrete=True) == (0, 1024)


def test_the_host_memory_lives_as_long_as_its_tensor(bench: Bench) -> None:
    said = bench.run(
        """
        import gc, weakref
        class Owner(np.ndarray):
            pass
        import tvm_ffi
        raw = np.zeros(4096 + 1024, dtype="uint8")
        start = -raw.ctypes.data % 4096
        owner = raw[start : start + 1024].view("float32").view(Owner)
        owner[:] = 3
        gone = weakref.ref(owner)
        tensor = F("lab.opencl.place")(tvm_ffi.from_dlpack(owner))
        del owner, raw
        gc.collect()
        held = gone() is not None
        result = empty((256,))
        kernels["add"](tensor, result, 1.0)
        values = sorted(set(result.numpy().tolist()))
        shared = stats()["zero_copy_bytes"]
        del tensor
        gc.collect()
        out(held=held, values=values, shared=shared, released=gone() is None)
        """
    )
    assert said["shared"] == 1024
    assert said["held"]
    assert said["values"] == [4.0]
    assert said["released"]


def test_a_tensor_over_the_limit_names_both_sizes(bench: Bench) -> None:
    said = bench.run(
        """
        out(place=error(F("lab.opencl.place"), tvm.runtime.tensor(np.zeros(1001, dtype="uint8"))),
            fits=error(F("lab.opencl.place"), tvm.runtime.tensor(np.zeros(1000, dtype="uint8"))),
            alloc=error(empty, (251,)), stats=stats())
        """,
        max_alloc=1000,
    )
    assert said["opened"]["max_alloc_bytes"] == 1000
    assert "place: a tensor of 1001 bytes" in said["place"]
    assert "1000 bytes (CL_DEVICE_MAX_MEM_ALLOC_SIZE)" in said["place"]
    assert said["fits"] == ""
    assert "a buffer of 1004 bytes is more than" in said["alloc"]


def test_too_little_memory_says_what_is_in_use(bench: Bench) -> None:
    said = bench.run(
        """
        kept = empty((150,))
        out(first=error(empty, (101,)), stats=stats())
        del kept
        out(second=error(empty, (101,)), later=stats())
        """,
        global_mem=1000,
    )
    assert "no memory for 404 bytes: 600 bytes are in use" in said["first"]
    assert "has 1000 bytes (CL_DEVICE_GLOBAL_MEM_SIZE)" in said["first"]
    assert said["second"] == ""
    assert (said["stats"]["alloc_bytes"], said["stats"]["alloc_peak_bytes"]) == (600, 600)
    assert said["later"]["alloc_peak_bytes"] == 600


def test_what_is_not_in_the_hosts_memory_is_refused(bench: Bench) -> None:
    said = bench.run('out(why=error(F("lab.opencl.place"), empty((4,))))')
    assert "not in the host's memory" in said["why"]
