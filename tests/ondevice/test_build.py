"""Building the runner: once, whole or not at all, and with words when it fails."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.core.proc import run
from lab.core.progress import Advance
from lab.ondevice import build, compilers
from lab.ondevice.build import BINARY, FLAGS, SOURCES, RunnerFiles, runner
from lab.ondevice.compilers import Compiler
from lab.ondevice.run_log import read_run
from lab.ondevice.wheels import find_wheels
from tests.ondevice.conftest import Bench, Stub, local_bench, there
from tests.ondevice.stub_model import TRIPLE

# Stands in for a compiler: writes the file after -o, and the words it was called with.
FAKE = """
import sys
if "--version" in sys.argv:
    print("fake 1.0")
elif "fail" in sys.argv[1]:
    print("all.cc:1: error: no such luck", file=sys.stderr); sys.exit(4)
else:
    out = sys.argv[sys.argv.index("-o") + 1]
    open(out, "w").write(" ".join(sys.argv))
    open(sys.argv[1], "a").write("built\\n")
"""


class Listener:
    def __init__(self) -> None:
        self.phases: list[str] = []
        self.notes: list[str] = []

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        self.phases.append(name)
        yield lambda amount: None

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LAB_CXX is a compiler that takes no time; the returned file has a line for each time it built."""
    script, calls = tmp_path / "fake.py", tmp_path / "calls"
    script.write_text(FAKE)
    calls.touch()
    monkeypatch.setenv("LAB_CXX", shlex.join([sys.executable, str(script), str(calls)]))
    return calls


def build_in(folder: Path, listener: Listener | None = None) -> RunnerFiles:
    return runner(TRIPLE, listener or Listener(), out_root=folder)


def test_is_built_once(fake: Path, tmp_path: Path) -> None:
    listener = Listener()
    first, second = (build_in(tmp_path, listener) for _ in range(2))
    assert first == second
    assert fake.read_text() == "built\n"
    assert len(listener.phases) == 1
    assert first.binary.parent.name == f"x86_64-linux-gnu--{first.key[:12]}"
    assert sorted(path.name for path in first.binary.parent.iterdir()) == [BINARY, "manifest.json"]
    assert [path.name for path in (tmp_path / "runner").iterdir()] == [first.binary.parent.name]


def test_another_compiler_is_another_runner(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_in(tmp_path)
    (fake.parent / "fake.py").write_text(FAKE.replace("fake 1.0", "fake 1.1"))
    assert build_in(tmp_path).key != first.key


def test_changed_sources_are_another_runner(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_in(tmp_path)
    copy = tmp_path / "src"
    copy.mkdir()
    for path in SOURCES.iterdir():
        (copy / path.name).write_bytes(path.read_bytes() + (b"\n" if path.name == "clock.h" else b""))
    monkeypatch.setattr(build, "SOURCES", copy)
    assert build_in(tmp_path).key != first.key


@pytest.mark.parametrize("name", [BINARY, "manifest.json"])
def test_a_damaged_one_is_built_again(fake: Path, tmp_path: Path, name: str) -> None:
    first = build_in(tmp_path)
    whole = first.binary.read_bytes()
    (first.binary.parent / name).write_text("damaged")
    again = build_in(tmp_path)
    assert fake.read_text() == "built\nbuilt\n"
    assert again.key == first.key
    assert len(again.binary.read_bytes()) == pytest.approx(len(whole), abs=100)


def test_a_failing_compiler_is_quoted_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fake.py").write_text(FAKE)
    monkeypatch.setenv("LAB_CXX", shlex.join([sys.executable, str(tmp_path / "fake.py"), "fail"]))
    with pytest.raises(CompileError) as caught:
        build_in(tmp_path)
    assert "exit code 4" in caught.value.what
    assert "error: no such luck" in caught.value.what
    assert "LAB_CXX" in there(caught.value.hint)
    assert list((tmp_path / "runner").iterdir()) == []


def test_a_real_compiler_error_shows_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "main.cc").write_text("int main() { return nonsense; }\n")
    monkeypatch.setattr(build, "SOURCES", source)
    monkeypatch.setattr(build, "compilers", lambda abi: compilers.compilers(abi)[:1])
    with pytest.raises(CompileError, match=r"main\.cc:1.*\n.*nonsense"):
        build_in(tmp_path)


def test_goes_on_to_the_next_compiler(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    works = compilers.compilers("x86_64-linux-gnu")[0]
    script = str(fake.parent / "fake.py")
    choices = [Compiler("old", (sys.executable, script, "fail"), "old 1"), works]
    monkeypatch.setattr(build, "compilers", lambda abi: choices)
    listener = Listener()
    assert build_in(tmp_path, listener).compiler == "fake 1.0"
    assert len(listener.notes) == 1
    assert "could not be built with old" in listener.notes[0]
    build_in(tmp_path, listener)
    assert fake.read_text() == "built\n"


def test_a_compiler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CXX", "/no/such/compiler --fast")
    with pytest.raises(CompileError, match="LAB_CXX=/no/such/compiler --fast: does not run"):
        build_in(tmp_path)


@pytest.mark.parametrize(
    "triple", ["armv7a-linux-androideabi", "x86_64-w64-windows-gnu", "arm64-apple-ios", "x86_64-apple-macos", "", "x"]
)
def test_other_machines_are_refused(triple: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=f"no runner for {triple} in this version"):
        runner(triple, out_root=tmp_path)


def test_no_compiler_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_CXX", raising=False)
    monkeypatch.setattr(compilers, "_system", lambda: None)
    monkeypatch.setattr(compilers, "_zig", lambda abi: None)
    with pytest.raises(CompileError, match="no C\\+\\+ compiler") as caught:
        compilers.compilers("x86_64-linux-gnu")
    assert "ziglang" in there(caught.value.hint)


def test_the_system_compiler_comes_before_ziglang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_CXX", raising=False)
    system = Compiler("c++", ("/usr/bin/c++",), "c++ 12")
    monkeypatch.setattr(compilers, "_system", lambda: system)
    names = [compiler.name for compiler in compilers.compilers("x86_64-linux-gnu")]
    assert names == ["c++", "ziglang"]
    monkeypatch.setattr(compilers, "_system", lambda: None)
    (zig,) = compilers.compilers("x86_64-linux-gnu")
    assert zig.argv[-2:] == ("-target", "x86_64-linux-gnu.2.28")


def test_another_processor_is_built_for_by_ziglang_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_CXX", raising=False)
    (zig,) = compilers.compilers("aarch64-linux-gnu")
    assert zig.argv[-2:] == ("-target", "aarch64-linux-gnu.2.28")
    monkeypatch.setattr(compilers.platform, "machine", lambda: "aarch64")
    assert [compiler.name for compiler in compilers.compilers("aarch64-linux-gnu")][-1] == "ziglang"
    assert len(compilers.compilers("x86_64-linux-gnu")) == 1


def test_ziglang_gets_a_cache_when_home_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZIG_GLOBAL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    zig = Compiler("ziglang", ("zig",), "1", is_zig=True)
    with compilers.build_env(zig) as env:
        cache = Path(env["ZIG_GLOBAL_CACHE_DIR"])
        assert cache.is_dir()
        assert os.access(cache, os.W_OK)
    assert not cache.exists()


def test_ziglang_keeps_its_usual_cache_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with compilers.build_env(Compiler("ziglang", ("zig",), "1", is_zig=True)) as env:
        assert env["ZIG_GLOBAL_CACHE_DIR"] == str(tmp_path / "zig")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "/chosen")
    with compilers.build_env(Compiler("ziglang", ("zig",), "1", is_zig=True)) as env:
        assert env["ZIG_GLOBAL_CACHE_DIR"] == "/chosen"


def test_tvm_is_found_but_not_imported() -> None:
    code = (
        "import sys; from lab.ondevice.build import find_wheels; from lab.ondevice import run_log; w = find_wheels();"
        "print(w.runtime, w.ffi); print(sorted({'tvm', 'tvm_ffi', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    runtime, ffi = done.stdout.splitlines()[0].split()
    assert Path(runtime).name == "libtvm_runtime.so"
    assert Path(ffi).name == "libtvm_ffi.so"
    assert Path(runtime).is_file()
    assert Path(ffi).is_file()
    assert done.stdout.splitlines()[1] == "[]"


def test_the_environment_leads_to_the_library(files: RunnerFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/other")
    assert files.env() == {"LD_LIBRARY_PATH": f"{find_wheels().ffi.parent}:/other"}
    assert files.runtime == find_wheels().runtime


def test_the_libraries_are_found_beside_the_binary(files: RunnerFiles, tmp_path: Path) -> None:
    for path in (files.binary, *files.libs):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / BINARY).unlink()
    (tmp_path / BINARY).write_bytes(files.binary.read_bytes())
    (tmp_path / BINARY).chmod(0o755)
    words = ["--runtime", str(tmp_path / "libtvm_runtime.so")]
    done = run([str(tmp_path / BINARY), "info", *words], timeout_s=60, env={})
    assert done.code == 0, done.stderr


def test_no_warnings(tmp_path: Path) -> None:
    wheels = find_wheels()
    compiler = compilers.compilers("x86_64-linux-gnu")[0]
    unit = tmp_path / "all.cc"
    unit.write_text("".join(f'#include "{path.name}"\n' for path in sorted(SOURCES.glob("*.cc"))))
    strict = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{SOURCES}", "-isystem", str(wheels.include)]
    with compilers.build_env(compiler) as env:
        done = run([*compiler.argv, *FLAGS, *strict, str(unit)], timeout_s=300, env=env)
    assert (done.code, done.stderr) == (0, "")


@pytest.mark.slow
def test_ziglang_builds_a_runner_that_computes_and_fails_alike(
    bench: Bench, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_CXX", raising=False)
    monkeypatch.setattr(compilers, "_system", lambda: None)
    files = runner(TRIPLE, out_root=tmp_path)
    assert files.compiler.startswith("ziglang ")
    zig = local_bench(files)
    words = ("--verify", "--depth", "3")
    ours, theirs = (which.log(stub.folder, *words, prompt=20, generate=8) for which in (zig, bench))
    assert [token.id for token in ours.tokens] == [token.id for token in theirs.tokens]
    # An exception thrown inside TVM's libraries, whose C++ library is another than the runner's.
    (tmp_path / "model.so").write_bytes(b"no library")
    for name in ("weights.bin", "manifest.json"):
        (tmp_path / name).write_bytes((stub.folder / name).read_bytes())
    done = zig.run(tmp_path)
    assert done.code == 1
    assert there(read_run(done.stdout.splitlines()).error).where == "library"
    # And one thrown while the compiled model runs.
    manifest = json.loads((stub.folder / "manifest.json").read_text())
    manifest["tensors"][0]["shape"] = [64, 131]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "model.so").write_bytes((stub.folder / "model.so").read_bytes())
    done = zig.run(tmp_path)
    assert done.code == 1
    assert there(read_run(done.stdout.splitlines()).error).where == "embed"
