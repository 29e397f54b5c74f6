"""Tiny sources in the places of TVM's and of our own: what is tried with them is the build, and it takes a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab.ondevice.android import build, parts
from lab.ondevice.android.build import Toolchain, toolchain
from lab.ondevice.android.tvm_tree import MISSING_IN_WHEEL
from lab.ondevice.wheels import Wheels, find_wheels

SHOWN = '__attribute__((visibility("default")))'
FFI = {
    "src/ffi/one.cc": f'extern "C" {SHOWN} int ffi_one() {{ return 1; }}\n',
    "src/ffi/backtrace_win.cc": "#error of another system\n",
    "src/ffi/extra/two.cc": """#include <string>
std::string thrown() { try { throw std::string("x"); } catch (const std::string& text) { return text; } }
""",
    "include/ffi_one.h": 'extern "C" int ffi_one();\n',
}
CARRIED = {
    "src/runtime/one.cc": f"""#include <tvm/support/io.h>
#include "../support/bytes_io.h"
#include <builtin_fp16.h>
#include <ffi_one.h>
extern "C" {SHOWN} int runtime_one() {{ return ffi_one() + HERE; }}
""",
    "src/runtime/vm/one.cc": "int vm_one() { return 1; }\n",
    "src/runtime/memory/one.cc": "int memory_one() { return 1; }\n",
    "src/runtime/extra/one.cc": "#error is of another library\n",
    "include/tvm/runtime/base.h": '#define TVM_VERSION "0.27.0"\n',
}
RUNNER = {
    "main.cc": '#include <ffi_one.h>\n#include "own.h"\nint main() { return ffi_one() - OWN; }\n',
    "own.h": "#define OWN 1\n",
}
PLUGIN = {
    "one.cc": f"""#include <CL/cl.h>
#include <ffi_one.h>
extern "C" int runtime_one();
extern "C" {SHOWN} int plugin_one() {{ return ffi_one() + runtime_one() + CL_SUCCESS; }}
"""
}
HEADERS = dict.fromkeys(MISSING_IN_WHEEL, "#define HERE 0\n")


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@dataclass(frozen=True)
class Planted:
    """Where the sources are; `build` is `toolchain` with them, its results in `out`."""

    wheels: Wheels
    tree: Path
    runner: Path
    plugin: Path
    out: Path
    build: Callable[[], Toolchain]


def plant(root: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Put the tiny sources below `root` and let the build find them."""
    ffi = write(root / "tvm_ffi", FFI)
    wheels = replace(find_wheels(), include=ffi / "include", tvm_ffi=ffi, tvm=write(root / "tvm", CARRIED))
    tree = write(root / "tree", {**CARRIED, **HEADERS})
    runner, plugin = write(root / "runner", RUNNER), write(root / "plugin", PLUGIN)
    monkeypatch.setattr(build, "find_wheels", lambda: wheels)
    monkeypatch.setattr(build, "PACKAGE", root)
    monkeypatch.setattr(parts, "RUNNER_SOURCES", runner)
    monkeypatch.setattr(parts, "PLUGIN_SOURCES", plugin)
    out = root / "compiled"
    return Planted(wheels, tree, runner, plugin, out, lambda: toolchain(source=tree, out_root=out))


def is_empty(out: Path) -> bool:
    """Whether nothing that was begun is left."""
    return not out.exists() or not [path for path in (out / "toolchain").glob("*") if "android" in path.name]


def copy_tree(planted: Planted, to: Path) -> Path:
    shutil.copytree(planted.tree, to)
    return to
