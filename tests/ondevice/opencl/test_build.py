"""Building the plug-in: once, with the headers that it needs and no others, or TVM's own instead of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.core.proc import run
from lab.core.progress import NullProgress
from lab.ondevice import compilers
from lab.ondevice.opencl import build, headers
from lab.ondevice.opencl.build import LIBRARY, SOURCES, UPSTREAM, plugin
from lab.ondevice.opencl.headers import opencl_headers
from lab.ondevice.wheels import find_wheels, tvm_headers
from tests.ondevice.conftest import there
from tests.ondevice.opencl.conftest import Bench
from tests.ondevice.stub_model import TRIPLE
from tests.opencl_device import require_opencl


@pytest.mark.slow
def test_is_built_once_and_kept_apart(bench: Bench) -> None:
    root = bench.plugin.parent.parent.parent
    again = plugin(TRIPLE, out_root=root)
    assert again.path == bench.plugin == root / "plugin" / f"x86_64-linux-gnu--{again.key[:12]}" / LIBRARY
    assert not again.upstream
    assert sorted(path.name for path in bench.plugin.parent.iterdir()) == [LIBRARY, "manifest.json"]
    assert again.compiler == compilers.compilers("x86_64-linux-gnu")[0].version


def test_upstreams_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "opencl_headers", lambda: pytest.fail("nothing is to be built"))
    planted = tmp_path / UPSTREAM
    planted.write_bytes(b"TVM's own")
    beside = replace(find_wheels(), runtime=tmp_path / "libtvm_runtime.so")
    monkeypatch.setattr(build, "wheels_for", lambda platform, root, progress: beside)
    files = plugin(TRIPLE, NullProgress(), out_root=tmp_path / "compiled")
    assert (files.path, files.upstream, files.compiler) == (planted, True, "")
    planted.write_bytes(b"another version of it")
    assert plugin(TRIPLE, out_root=tmp_path / "compiled").key != files.key


def test_missing_headers_name_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(headers.VARIABLE, str(tmp_path))
    with pytest.raises(CompileError, match="OpenCL headers are not on this machine") as caught:
        plugin(TRIPLE, out_root=tmp_path / "compiled")
    assert f"{tmp_path}/CL" in caught.value.what
    assert "apt install opencl-c-headers" in there(caught.value.hint)
    monkeypatch.delenv(headers.VARIABLE)
    monkeypatch.setattr(headers, "USUAL", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(CompileError, match=r"a/CL, .*b/CL"):
        opencl_headers()


def test_headers_are_taken_from_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CL").mkdir()
    for name in headers.NEEDED:
        (tmp_path / "CL" / name).touch()
    monkeypatch.setenv(headers.VARIABLE, str(tmp_path))
    assert opencl_headers() == tmp_path / "CL"


@pytest.mark.parametrize("triple", ["arm64-apple-macos", "x86_64-w64-windows-gnu", "x"])
def test_other_systems_are_refused(triple: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=f"no .* for {triple}"):
        plugin(triple, out_root=tmp_path)


def test_no_warnings(tmp_path: Path) -> None:
    require_opencl()
    unit = tmp_path / "all.cc"
    unit.write_text("".join(f'#include "{path.name}"\n' for path in sorted(SOURCES.glob("*.cc"))))
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "CL").symlink_to(opencl_headers())
    compiler = compilers.compilers("x86_64-linux-gnu")[0]
    strict = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{SOURCES}"]
    for folder in (find_wheels().include, tvm_headers(), tmp_path / "include"):
        strict += ["-isystem", str(folder)]
    with compilers.build_env(compiler) as env:
        done = run([*compiler.argv, *build.FLAGS, *strict, str(unit)], timeout_s=300, env=env)
    assert (done.code, done.stderr) == (0, "")


@pytest.mark.slow
def test_ziglangs_plugin_computes_and_fails_alike(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_CXX", raising=False)
    monkeypatch.setattr(compilers, "_system", lambda: None)
    files = plugin(TRIPLE, out_root=tmp_path)
    assert files.compiler.startswith("ziglang ")
    zig = replace(bench, plugin=files.path)
    # Every method of the device that TVM calls in C++ fails once, then a function, and all is well after.
    code = """
    one, two = put(np.zeros(256, dtype="float32")), empty((256,))
    other = tvm.device("opencl", 1)
    out(alloc=error(empty, (1 << 41,)), device=error(tvm.runtime.empty, (4,), "float32", other),
        name=error(lambda: other.device_name),
        wide=error(kernels["wide"], empty((8192,))), opened_twice=error(F("lab.opencl.open"), "{}"))
    kernels["add"](one, two, 2.0)
    out(values=sorted(set(two.numpy().tolist())), launches=stats()["launches"])
    """
    ours, theirs = zig.run(code), bench.run(code)
    assert ours == theirs
    assert ours["values"] == [2.0]
    assert "CL_DEVICE_MAX_MEM_ALLOC_SIZE" in ours["alloc"]
    lost = """
    one, two = put(np.zeros(256, dtype="float32")), empty((256,))
    kernels["add"](one, two, 1.0)
    out(sync=error(dev.sync), read=error(two.numpy), alloc=error(empty, (4,)))
    """
    gone = zig.run(lost, gives_up_after=0)
    assert gone["sync"].startswith("opencl: waiting for ")
    assert gone["read"].startswith("opencl: the device was lost before")
    assert gone == bench.run(lost, gives_up_after=0)
