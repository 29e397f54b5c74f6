"""A source tree of TVM: whether it is that of the installed wheel.

The wheel carries most of its runtime's sources. A tree that has the very same ones is of its version, whatever it calls
itself: what is left to take from the tree are a few headers that the wheel lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.core.errors import CompileError
from lab.ondevice.wheels import Wheels

SAME = ("src/runtime/*.*", "src/runtime/vm/*.*", "src/runtime/memory/*.*", "include/tvm/runtime/**/*.h")
MISSING_IN_WHEEL = (
    "include/tvm/support/io.h",
    "include/tvm/support/serializer.h",
    "src/support/bytes_io.h",
    "src/support/utils.h",
    "3rdparty/compiler-rt/builtin_fp16.h",
)
VERSION_HEADER = "include/tvm/runtime/base.h"


def check_tree(tree: Path, named: str, wheels: Wheels) -> None:
    """Raise CompileError unless `tree` has the sources of the installed TVM; `named` is how messages call it."""
    absent = [name for name in (VERSION_HEADER, *MISSING_IN_WHEEL) if not (tree / name).is_file()]
    if absent:
        raise CompileError(f"{named}: is no source tree of TVM: {absent[0]} is missing", hint=how_to_get(wheels))
    differing = next((name for name in carried_sources(wheels) if not _equal(tree, wheels, name)), None)
    if differing is not None:
        raise CompileError(
            f"{named}: is TVM {_version(tree)}, and its {differing} is not that of the installed apache-tvm "
            f"{wheels.tvm_version}",
            hint=how_to_get(wheels),
        )


def carried_sources(wheels: Wheels) -> list[str]:
    """Return the runtime's sources in the wheel as sorted relative paths; CompileError when there are none."""
    found = sorted(set(_carried(wheels.tvm)))
    if not found:
        raise CompileError(f"{wheels.tvm}: carries no sources of TVM's runtime, though apache-tvm's wheels do")
    return found


def how_to_get(wheels: Wheels) -> str:
    """Return the hint of how to come by the right tree."""
    return (
        f"git clone https://github.com/apache/tvm DIR && git -C DIR checkout {_commit(wheels)}, or fetch "
        f"apache-tvm-src-v{wheels.tvm_version}.tar.gz from https://tvm.apache.org/download; then --tvm-source DIR or "
        "archive, or LAB_TVM_SOURCE"
    )


def _carried(package: Path) -> Iterator[str]:
    for pattern in SAME:
        yield from (path.relative_to(package).as_posix() for path in package.glob(pattern) if path.is_file())


def _equal(tree: Path, wheels: Wheels, name: str) -> bool:
    with suppress(OSError):
        return (tree / name).read_bytes() == (wheels.tvm / name).read_bytes()
    return False


def _version(tree: Path) -> str:
    text = (tree / VERSION_HEADER).read_text(encoding="utf-8", errors="replace")
    found = re.search(r'^#define TVM_VERSION "([\w.+-]{1,40})"', text, re.MULTILINE)
    return found[1] if found else "of an unknown version"


def _commit(wheels: Wheels) -> str:
    """Return the commit that the wheel says it was built from, else the tag of its version."""
    with suppress(OSError):
        text = (wheels.tvm / "_version.py").read_text(encoding="utf-8")
        found = re.search(r"commit_id\s*=\s*'g([0-9a-f]{7,40})'", text)
        if found:
            return found[1]
    return f"v{wheels.tvm_version}"
