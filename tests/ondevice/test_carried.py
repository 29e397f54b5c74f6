"""The C library that is carried along: whole, of one place, for the right processor; and the runner starts on it."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.core.proc import run
from lab.measure.runner.invocation import HUGE_PAGES
from lab.ondevice.build import RunnerFiles
from lab.ondevice.bundled_libc import LIBRARIES, LOADERS, carried
from tests.ondevice.arm import place_copies
from tests.ondevice.conftest import Stub, there
from tests.ondevice.test_device_wheels import ARM, X86, elf

NAMES = (LOADERS["aarch64"], *LIBRARIES)


def fill(folder: Path, names: tuple[str, ...] = NAMES, machine: int = ARM) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(elf(machine))


@pytest.mark.parametrize("inside", [".", "lib", "usr/lib", "lib64", "lib/aarch64-linux-gnu"])
def test_a_folder_of_the_users_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    fill(tmp_path / inside)
    monkeypatch.setenv("LAB_ARM64_SYSROOT", str(tmp_path))
    assert carried("aarch64") == tuple(tmp_path / inside / name for name in NAMES)


@pytest.mark.parametrize("missing", NAMES)
def test_what_is_missing_is_not_taken_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    fill(tmp_path, tuple(name for name in NAMES if name != missing))
    monkeypatch.setenv("LAB_ARM64_SYSROOT", str(tmp_path))
    with pytest.raises(CompileError, match='libc = "carried": no C library for aarch64') as caught:
        carried("aarch64")
    assert "apt-get install libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross" in there(caught.value.hint)


def test_libraries_of_another_processor_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, machine=X86)
    monkeypatch.setenv("LAB_ARM64_SYSROOT", str(tmp_path))
    with pytest.raises(CompileError, match="is for x86_64, wanted aarch64"):
        carried("aarch64")


def test_the_runner_starts_on_it_and_on_nothing_else(files: RunnerFiles, stub: Stub, tmp_path: Path) -> None:
    """On this machine's own C library, copied: what is mapped comes from the copies alone."""
    beside = carried(platform.machine())
    assert any(path.is_symlink() for path in beside)
    placed = place_copies(tmp_path, replace(files, carried=beside))
    folder = tmp_path / "runner" / files.key[:12]
    assert placed.call == (str(folder / beside[0].name), "--library-path", str(folder), str(folder / "lab-bench"))
    assert {path.name for path in folder.iterdir()} == {path.name for path in (files.binary, *files.libs, *beside)}
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert placed.env == HUGE_PAGES
    info = [*placed.call, "info", "--runtime", placed.runtime]
    done = run(info, timeout_s=60, env={**placed.env, "LD_DEBUG": "libs", "LD_LIBRARY_PATH": "/nonexistent"})
    assert done.code == 0, done.stderr
    loaded = [Path(line.split()[-1]) for line in done.stderr.splitlines() if "calling init" in line]
    assert {path.parent for path in loaded} == {folder}
    assert {"libc.so.6", "libtvm_runtime.so"} <= {path.name for path in loaded}
    run_it = [*placed.call, "run", "--bundle", str(stub.folder), "--runtime", placed.runtime, "--verify"]
    assert run([*run_it, "--prompt", "3", "--generate", "2"], timeout_s=60, env=placed.env).code == 0
