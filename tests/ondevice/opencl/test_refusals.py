"""What goes wrong is said in a sentence, as TVM's own error, and breaks nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.ondevice.opencl.conftest import Bench
from tests.ondevice.opencl.shim import build_type_shim, without_opencl


def test_no_library_lists_what_was_tried(bench: Bench, tmp_path: Path) -> None:
    bare = replace(bench, env={**bench.env, **without_opencl(tmp_path)})
    said = bare.run("out(exists=dev.exist, use=error(empty, (4,)))", {"library": "/target/libOpenCL.so"})
    lines = said["opened"]["error"].splitlines()
    assert lines[0] == "opencl: no OpenCL driver on this device; tried:"
    names = [line.strip().partition(":")[0] for line in lines[1:]]
    assert names[:4] == ["/target/libOpenCL.so", "libOpenCL.so", "libOpenCL.so.1", "libOpenCL-pixel.so"]
    assert {"/vendor/lib64/libOpenCL.so", "/system/vendor/lib64/libOpenCL.so"} <= set(names)
    assert said["exists"] is False
    assert "no OpenCL driver on this device" in said["use"]


def test_a_library_without_opencl_is_passed_over(bench: Bench) -> None:
    said = bench.run("out()", {"library": "libm.so.6"})
    assert said["opened"]["tried"][0] == "libm.so.6: has no clGetPlatformIDs"
    assert said["opened"]["library"] == said["opened"]["tried"][-1]


def test_a_library_without_a_platform_is_passed_over(bench: Bench) -> None:
    said = bench.run("out()", no_platform=True)
    assert said["opened"]["tried"][0] == f"{bench.shim}: knows no OpenCL platform"


def test_no_device_names_the_platforms(bench: Bench) -> None:
    said = bench.run("out(exists=dev.exist, use=error(empty, (4,)))", no_device=True)
    assert said["opened"]["error"].startswith(f"opencl: no device; {bench.shim} has:\n  platform ")
    assert said["opened"]["error"].endswith(": no device")
    assert said["exists"] is False
    assert said["use"] == said["opened"]["error"]  # and not some other device


def test_a_wrong_name_lists_the_devices(bench: Bench) -> None:
    error = bench.run("out()", {"device": "Adreno"})["opened"]["error"]
    assert "no device with 'Adreno' in its name or of that type" in error
    assert "(cpu)" in error.splitlines()[1]


def test_a_device_is_found_by_a_part_of_its_name(bench: Bench) -> None:
    name = bench.run("out()")["opened"]["device"]
    assert bench.run("out()", {"device": name[2:9].upper()})["opened"]["device"] == name


@pytest.mark.parametrize("asked", ["", "accelerator", "fpga emulation"])
def test_a_cpu_program_that_calls_itself_an_accelerator_is_told_as_one(
    bench: Bench, tmp_path: Path, asked: str
) -> None:
    """tests/cases/devices/opencl_type_shim.c over this machine's driver."""
    opened = bench.run("out()", {"library": str(build_type_shim(tmp_path)), "device": asked})["opened"]
    assert (opened["type"], opened["device"]) == ("accelerator", "Intel(R) FPGA Emulation Device")


def test_a_type_that_no_device_has_lists_the_devices(bench: Bench, tmp_path: Path) -> None:
    error = bench.run("out()", {"library": str(build_type_shim(tmp_path)), "device": "gpu"})["opened"]["error"]
    assert "no device with 'gpu' in its name or of that type" in error
    assert "(accelerator)" in error


@pytest.mark.parametrize("claimed", ["gpu", "cpu"])
def test_the_type_is_what_the_device_says(bench: Bench, claimed: str) -> None:
    assert bench.run("out()", device_type=claimed)["opened"]["type"] == claimed


def test_fp16_is_what_the_device_says(bench: Bench) -> None:
    for fault, value in (("claim_fp16", True), ("no_fp16", False)):
        opened = bench.run("out()", **{fault: True})["opened"]
        assert opened["fp16"] is value
        assert ("cl_khr_fp16" in opened["extensions"]) is value


def test_options_are_checked_and_a_right_opening_may_follow(bench: Bench) -> None:
    said = bench.run(
        """
        open = F("lab.opencl.open")
        out(name=error(open, '{"devise": "x"}'), type=error(open, '{"profile": "yes"}'),
            none=error(open, '{"device": null}'), list=error(open, "[1]"), json=error(open, "{"))
        out(right=json.loads(open("{}"))["type"])
        """,
        {"device": "no such device"},
    )
    assert "unknown option 'devise'; known: device, library" in said["name"]
    assert "option profile is of the wrong type" in said["type"]
    assert "option device is of the wrong type" in said["none"]
    assert "no JSON object" in said["list"]
    assert "no JSON object" in said["json"]
    assert said["right"]


def test_calls_that_make_no_sense(bench: Bench) -> None:
    said = bench.run(
        """
        tensor = empty((256,))
        out(twice=error(F("lab.opencl.open"), "{}"),
            second=error(tvm.runtime.empty, (4,), "float32", tvm.device("opencl", 1)),
            exists=tvm.device("opencl", 1).exist,
            wide=error(kernels["wide"], empty((8192,))),
            after=error(lambda: kernels["add"](tensor, tensor, 1.0)),
            place=error(F("lab.opencl.place"), 3), arguments=error(F("lab.opencl.place")))
        """
    )
    assert "is open already" in said["twice"]
    assert "the plug-in has device 0 only" in said["second"]
    assert said["exists"] is False
    assert "launch of kernel wide_kernel (8192x1x1 items in groups of 8192x1x1; at most " in said["wide"]
    assert " in a group): CL_INVALID_WORK" in said["wide"]
    assert said["after"] == ""
    assert said["place"] != ""
    assert said["arguments"] != ""


def test_a_kernel_that_does_not_build_shows_the_drivers_log(bench: Bench, tmp_path: Path) -> None:
    said = bench.run(
        """
        tensor = empty((256,))
        out(why=error(kernels["scale"], tensor, tensor, 1.0), other=error(kernels["add"], tensor, tensor, 1.0),
            again=error(kernels["scale"], tensor, tensor, 1.0))
        """,
        {"cache_dir": str(tmp_path)},
        build_fails="scale",
    )
    assert said["why"].startswith("opencl: kernel scale_kernel cannot be built on ")
    assert "CL_BUILD_PROGRAM_FAILURE (-11)\n<source>:7:3: error: ?[31mno such thing" in said["why"]
    assert 4096 < len(said["why"]) < 5000
    assert said["why"].endswith("more bytes")
    assert said["other"] == ""
    assert said["again"] == said["why"]
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["add_kernel"]


def test_a_lost_device_is_named_with_its_last_kernel(bench: Bench) -> None:
    said = bench.run(
        """
        one, two = put(np.zeros(256, dtype="float32")), empty((256,))
        add = lambda: kernels["add"](one, two, 1.0)
        out(first=[error(add) for _ in range(3)], then=error(add), alloc=error(empty, (4,)), read=error(two.numpy),
            write=error(two.copyfrom, np.zeros(256, dtype="float32")), sync=error(dev.sync), stats=stats())
        del one, two
        """,
        lost_after=3,
    )
    assert said["first"] == ["", "", ""]
    assert said["then"].startswith("opencl: launch of kernel add_kernel (256x1x1 items in groups of 64x1x1; at most ")
    assert said["then"].endswith("CL_DEVICE_NOT_AVAILABLE (-2); the last kernel launched was add_kernel")
    loss = said["then"].removeprefix("opencl: ")
    for name in ("alloc", "read", "write", "sync"):
        assert said[name].startswith(f"opencl: the device was lost before: {loss}"), name
    assert said["stats"]["launches"] == 3


def test_a_device_that_gives_up_is_noticed_by_who_waits(bench: Bench) -> None:
    said = bench.run(
        """
        one, two = put(np.zeros(256, dtype="float32")), empty((256,))
        kernels["add"](one, two, 1.0)
        kernels["scale"](one, two, 1.0)
        out(read=error(two.numpy), sync=error(dev.sync))
        """,
        gives_up_after=1,
    )
    loss = "read of 1024 bytes: CL_OUT_OF_RESOURCES (-5); the last kernel launched was scale_kernel"
    assert said["read"] == f"opencl: {loss}"
    assert said["sync"] == f"opencl: the device was lost before: {loss}"


def test_a_module_that_is_cut_or_odd_is_refused(bench: Bench) -> None:
    said = bench.run(
        """
        import tvm_ffi
        load = F("ffi.Module.load_from_bytes.opencl")
        def field(data):
            return len(data).to_bytes(8, "little") + data
        count = lambda number: number.to_bytes(8, "little")
        types, tags = count(1) + bytes([3, 64, 1, 0]), count(1) + field(b"threadIdx.x")
        kernel = field(b"k") + field(b"k") + types + tags + count(0)
        whole = field(b"cl") + count(1) + kernel + field(b"// Function: k\\n")
        cut = [error(load, whole[:size]) for size in range(len(whole))]
        huge = field(b"cl") + count(1 << 60)
        out(whole=error(load, whole), cut=sorted(set(cut)), huge=error(load, huge), longer=error(load, whole + b"x"),
            format=error(load, field(b"spirv") + count(0) + field(b"")))
        """
    )
    assert said["whole"] == ""
    assert said["cut"] == ["opencl: the module of kernels is cut short or of another version of TVM"]
    assert said["huge"] == said["cut"][0]
    assert "left over" in said["longer"]
    assert "as 'spirv', not as OpenCL C" in said["format"]
