"""What a machine without the device could not check of a library, in short sentences for people and records."""

from __future__ import annotations

from lab.formats.target import TargetSpec

_METAL = (
    "Apple's Metal compiler has not seen the kernels: clang parsed them with a header of lab's own",
    "no Apple GPU ran the kernels: the same schedules ran as OpenCL on a CPU, with 32-bit floats",
    "SIMD-group functions and 16-bit arithmetic did not run",
    "how many threads a kernel's registers leave is not known; the launch is within Metal's own limits",
    "times, memory, heat and power are not known",
)
_MACOS = ("macOS has not loaded the library: its Mach-O structure, symbols and ad-hoc signature were read only",)
_IOS = (
    "no app was linked: the objects of the static library were read only",
    "nothing was started on a phone: that takes an app, signed by Xcode for the phone",
)
_ANDROID_OPENCL = (
    "the NDK's compiler has not built the runner here: ziglang built the same sources for another C library",
    "whether the phone lets adb's shell user open its OpenCL driver is not known",
    "no phone's OpenCL driver has built the kernels",
    "no phone's GPU ran the kernels: the same schedules ran as OpenCL on a CPU, with 32-bit floats",
    "what the driver's watchdog and its largest buffer allow is not known",
    "times, memory, heat and power are not known",
)


def unverified(target: TargetSpec) -> tuple[str, ...]:
    """Return what could not be checked where the library of `target` was compiled; nothing for other targets."""
    if target.compile.kind == "metal":
        return (*(_IOS if "-ios" in target.compile.mtriple else _MACOS), *_METAL)
    if target.compile.kind == "opencl" and target.device.transport == "adb" and not target.is_emulated:
        return _ANDROID_OPENCL
    return ()
