"""This machine's OpenCL device in tests, by the plug-in: `opencl_device()` in the test's own process.

A process has one device, opened once. Tests that break theirs, or want other options, take a process each:
tests/ondevice/opencl/child.py.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import CompileError
from lab.ondevice.opencl.build import plugin
from lab.ondevice.opencl.headers import opencl_headers
from tests.compiled import shared
from tests.ondevice.stub_model import TRIPLE

PACKAGES = "pocl-opencl-icd ocl-icd-libopencl1 opencl-c-headers"
INSTALL = f"OpenCL is missing: run scripts/install-debian-packages, or apt-get install {PACKAGES}"


def require_opencl() -> None:
    """Skip the test where this machine has no OpenCL device or headers; in CI that is a failure."""
    if _has_platform() and _has_headers():
        return
    if os.environ.get("CI"):
        pytest.fail(INSTALL)
    pytest.skip(INSTALL)


@functools.cache
def plugin_path() -> Path:
    """The plug-in, built once."""
    require_opencl()
    return plugin(TRIPLE, out_root=shared()).path


@functools.cache
def load_plugin() -> None:
    """Load the plug-in into this process."""
    import tvm  # noqa: F401 (the runtime comes first)

    ctypes.CDLL(str(plugin_path()), ctypes.RTLD_GLOBAL)


@functools.cache
def opencl_device() -> Any:
    """`tvm.device("opencl", 0)`, opened with default options."""
    import tvm

    load_plugin()
    return tvm.device("opencl", 0)


@functools.cache
def facts() -> dict[str, Any]:
    """What the device says of itself; comes before anything else that uses it, or the plug-in is open already."""
    import tvm

    load_plugin()
    return dict(json.loads(tvm.get_global_func("lab.opencl.open")("{}")))


def call_json(name: str) -> Any:
    """Return what `lab.opencl.NAME()` says: stats, profile."""
    import tvm

    return json.loads(tvm.get_global_func(f"lab.opencl.{name}")())


def loadable(executable: Any, folder: Path) -> Any:
    """Return what `tvm.compile` gave as a module that runs: its kernels launch only once it was written and loaded."""
    import tvm

    path = folder / "module.so"
    executable.export_library(str(path))
    return tvm.runtime.load_module(str(path))


def _has_platform() -> bool:
    try:
        library = ctypes.CDLL("libOpenCL.so.1")
    except OSError:
        return False
    count = ctypes.c_uint32(0)
    return library.clGetPlatformIDs(0, None, ctypes.byref(count)) == 0 and count.value > 0


def _has_headers() -> bool:
    try:
        opencl_headers()
    except CompileError:
        return False
    return True
