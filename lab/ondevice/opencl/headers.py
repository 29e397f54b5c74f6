"""Where Khronos's OpenCL headers are on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from lab.core.errors import CompileError

VARIABLE = "LAB_OPENCL_HEADERS"
USUAL = (Path("/usr/include"), Path("/usr/local/include"))
NEEDED = ("cl.h", "cl_platform.h", "cl_version.h")
HINT = (
    "apt install opencl-c-headers (Fedora: opencl-headers), or fetch github.com/KhronosGroup/OpenCL-Headers "
    f"and set {VARIABLE} to the folder that has CL/ in it"
)


class NoHeadersError(CompileError):
    """There are none on this machine; a folder that was named and has none is a plain CompileError."""


def opencl_headers() -> Path:
    """Return the folder CL of the headers: below $LAB_OPENCL_HEADERS when it is set, else where systems keep them.

    Only that folder may be given to a compiler for another system: what lies beside it is this machine's.
    Raises NoHeadersError with the package to install, CompileError where the variable names a folder without them.
    """
    chosen = os.environ.get(VARIABLE)
    places = (Path(chosen).expanduser().absolute(),) if chosen else USUAL
    for place in places:
        if all((place / "CL" / name).is_file() for name in NEEDED):
            return (place / "CL").resolve()
    tried = ", ".join(str(place / "CL") for place in places)
    kind = CompileError if chosen else NoHeadersError
    raise kind(
        f"Khronos's OpenCL headers are not on this machine; looked for {', '.join(NEEDED)} in {tried}", hint=HINT
    )
