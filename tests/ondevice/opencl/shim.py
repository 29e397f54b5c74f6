"""An OpenCL driver with planted faults: built from faulty_icd.c, chosen by the option "library" or by its path.

Needs `cc` and Khronos's headers. Example:

    library = build_shim(tmp_path)
    env = {**os.environ, **faults(max_alloc=1 << 20)}
    # in a process with that environment:
    tvm.get_global_func("lab.opencl.open")(json.dumps({"library": str(library)}))
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.ondevice.opencl.headers import opencl_headers

SOURCE = Path(__file__).with_name("faulty_icd.c")
BY_NAME = Path(__file__).with_name("by_name.c")
TYPE_SHIM = Path(__file__).resolve().parents[2] / "cases" / "devices" / "opencl_type_shim.c"
HIDING = Path(__file__).with_name("no_opencl.c")
KNOWN = (
    "no_platform",
    "no_device",
    "no_fp16",
    "claim_fp16",
    "max_alloc",
    "global_mem",
    "device_type",
    "discrete",
    "build_fails",
    "no_binary",
    "lost_after",
    "gives_up_after",
)


def build_shim(folder: Path) -> Path:
    """Compile the library into `folder` and return it."""
    return _compile(SOURCE, folder / "libfaulty_icd.so", "-idirafter", str(opencl_headers().parent))


def build_type_shim(folder: Path) -> Path:
    """Compile tests/cases/devices/opencl_type_shim.c: the system's driver, whose device calls itself an accelerator."""
    headers = str(opencl_headers().parent)
    library = folder / "libfpga.so"
    common = ["-shared", "-fPIC", "-idirafter", headers, "-Wl,--no-as-needed"]
    subprocess.run(["cc", *common, str(TYPE_SHIM), "-o", str(library), "-l:libOpenCL.so.1", "-ldl"], check=True)
    return library


def build_by_name(folder: Path, *words: str) -> Path:
    """Compile a driver that hands out its functions by name, as Google's phones have one, and return it."""
    return _compile(BY_NAME, folder / "libOpenCL-pixel.so", *words)


def without_opencl(folder: Path) -> dict[str, str]:
    """Return the environment of a machine that has no OpenCL library at all."""
    return {"LD_PRELOAD": str(_compile(HIDING, folder / "libno_opencl.so"))}


def faults(**wanted: bool | int | str) -> dict[str, str]:
    """Return the environment of these faults; True plants one that has no value. An unknown name is an error."""
    unknown = sorted(set(wanted) - set(KNOWN))
    if unknown:
        raise KeyError(", ".join(unknown))
    return {f"LAB_FAULT_{name.upper()}": "1" if value is True else str(value) for name, value in wanted.items()}


def _compile(source: Path, library: Path, *words: str) -> Path:
    common = ["-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    subprocess.run(["cc", *common, *words, str(source), "-o", str(library), "-ldl"], check=True)
    return library
