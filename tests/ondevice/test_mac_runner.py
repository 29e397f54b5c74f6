"""The runner for a Mac, as far as Linux can look at it: what it is, what it asks for, and whether that is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.measure.runner.invocation import place_runner
from lab.ondevice import build, compilers
from lab.ondevice.build import FLAGS, SOURCES, RunnerFiles, runner
from lab.ondevice.macho import check_macho, read_macho
from lab.ondevice.systems import MAC_TRIPLE, platform_of
from lab.ondevice.wheels import find_wheels
from tests.compiled import shared
from tests.ondevice.arm import CopyingDevice
from tests.ondevice.mach import symbols

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mac() -> RunnerFiles:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LAB_CXX", raising=False)
        return runner(MAC_TRIPLE, out_root=shared())


def test_the_runner_is_a_signed_program_that_finds_its_libraries_beside_it(mac: RunnerFiles) -> None:
    found = check_macho(mac.binary, "executable")
    assert found.libraries == ("/usr/lib/libSystem.B.dylib", "@rpath/libtvm_ffi.dylib")
    assert (found.rpaths, found.min_macos) == (("@executable_path",), "11.0")


def test_the_libraries_are_those_of_a_mac(mac: RunnerFiles) -> None:
    assert mac.plugin is not None
    files = (*mac.libs, mac.plugin)
    assert [path.name for path in files] == [
        "libtvm_ffi.dylib",
        "libtvm_runtime.dylib",
        "libtvm_runtime_metal.dylib",
    ]
    for path in files:
        assert check_macho(path, "library").name == f"@rpath/{path.name}"
    metal = read_macho(mac.plugin).libraries
    assert "@loader_path/libtvm_runtime.dylib" in metal
    assert any(name.endswith("/Metal") for name in metal)


def test_every_symbol_that_it_asks_for_is_there(mac: RunnerFiles) -> None:
    """In TVM's library, or in the list of macOS's own that ziglang brings."""
    asked, _ = symbols(mac.binary)
    _, offered = symbols(mac.libs[0])
    missing = asked - offered - system_symbols()
    assert "_TVMFFIFunctionGetGlobal" in asked & offered
    assert {"_task_info", "_sysctlbyname", "_kqueue", "_pthread_set_qos_class_self_np"} <= asked
    assert missing == set()


def test_what_linux_alone_has_is_not_in_it(mac: RunnerFiles) -> None:
    data = mac.binary.read_bytes()
    assert b"/proc/" not in data
    assert b"ledger" not in data
    assert b"phys_footprint" in data
    assert b"hw.perflevel0.physicalcpu" in data


def test_it_is_called_with_the_variable_of_macos(mac: RunnerFiles, tmp_path: Path) -> None:
    """On a device what was pushed lies under another name, so the place of the program tells nothing."""
    placed = place_runner(CopyingDevice(tmp_path), mac)
    folder = Path(placed.runtime).parent
    assert placed.env["DYLD_LIBRARY_PATH"] == str(folder)
    assert "LD_LIBRARY_PATH" not in placed.env
    assert (folder / "libtvm_ffi.dylib").is_file()


def test_no_warnings_on_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_CXX", raising=False)
    (compiler,) = compilers.compilers(platform_of(MAC_TRIPLE).abi)
    unit = tmp_path / "all.cc"
    unit.write_text("".join(f'#include "{path.name}"\n' for path in sorted(SOURCES.glob("*.cc"))))
    strict = ["-Wall", "-Wextra", "-Werror", "-c", "-o", str(tmp_path / "all.o")]
    strict += [f"-I{SOURCES}", "-isystem", str(find_wheels().include)]
    with compilers.build_env(compiler) as env:
        done = subprocess.run([*compiler.argv, *FLAGS, *strict, str(unit)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "triple", ["arm64-apple-macos", "arm64-apple-macosx14.0.0", "arm64-apple-macos13", "arm64-apple-darwin23.1"]
)
def test_every_spelling_of_a_mac(triple: str) -> None:
    assert platform_of(triple).abi == "aarch64-macos"


def test_a_mac_needs_no_c_library_carried_along(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="has one of its own"):
        runner(MAC_TRIPLE, libc="carried", out_root=tmp_path)


def test_a_compiler_that_makes_something_else_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "fake.py"
    script.write_text("import sys\nprint('fake 1')\n'-o' in sys.argv and open(sys.argv[-1], 'w').write('elf')\n")
    monkeypatch.setenv("LAB_CXX", f"{sys.executable} {script}")
    monkeypatch.setattr(build, "wheels_for", lambda platform, root, progress: find_wheels())
    with pytest.raises(CompileError, match="no 64-bit Mach-O file"):
        runner(MAC_TRIPLE, out_root=tmp_path)
    assert list((tmp_path / "runner").iterdir()) == []


def system_symbols() -> set[str]:
    import ziglang

    (folder,) = ziglang.__path__
    text = (Path(folder) / "lib" / "libc" / "darwin" / "libSystem.tbd").read_text()
    return set(re.findall(r"[\w$]+", text))
