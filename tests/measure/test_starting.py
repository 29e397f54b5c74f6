"""Devices that cannot start the runner: told before a model is sent, with the cure, or cured."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab.devices.base import Device
from lab.devices.local import LocalDevice
from lab.devices.registry import open_device
from lab.devices.remote.device import RemoteDevice
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec, SshSpec
from lab.measure.runner.invocation import place_runner
from lab.measure.runner.starting import NotStartedError, check_starts, startable
from lab.ondevice.build import RunnerFiles, runner
from lab.ondevice.events import Info
from tests.compiled import shared
from tests.devices.kinds import home
from tests.devices.peers.programs import program
from tests.devices.peers.sshd import Sshd
from tests.devices.shell_link import ShellLink
from tests.ondevice.stub_model import TRIPLE

HERE = DeviceSpec(transport="local")


@pytest.fixture(scope="module")
def files() -> RunnerFiles:
    return runner(TRIPLE, out_root=shared())


@pytest.fixture
def changed(files: RunnerFiles, tmp_path: Path) -> RunnerFiles:
    """A copy of the runner whose binary a test may change."""
    binary = tmp_path / "changed" / "lab-bench"
    binary.parent.mkdir()
    shutil.copy2(files.binary, binary)
    return replace(files, binary=binary, key=f"{id(binary):032x}")


def target(work_dir: Path | str = "", transport: str = "ssh", **tables: object) -> TargetSpec:
    device = DeviceSpec(transport=transport, work_dir=str(work_dir))  # type: ignore[arg-type]
    return TargetSpec(schema=1, name="board", description="", device=device, **tables)  # type: ignore[arg-type]


@contextmanager
def over_a_shell(work: Path, link: ShellLink | None = None) -> Iterator[Device]:
    with closing(RemoteDevice(target(work), lambda: link or ShellLink())) as device:
        yield device


@contextmanager
def over_ssh(work: Path, folder: Path) -> Iterator[Device]:
    with Sshd(folder / "sshd") as server, home(server.home):
        spec = target(work, ssh=SshSpec(host=server.host, port=server.port))
        with closing(open_device(spec)) as device:
            yield device


def refused(device: Device, files: RunnerFiles, spec: TargetSpec | None = None) -> NotStartedError:
    with pytest.raises(NotStartedError) as problem:
        startable(device, files, spec or target(), note=lambda text: None)
    return problem.value


def started(device: Device, files: RunnerFiles) -> tuple[RunnerFiles, list[str]]:
    notes: list[str] = []
    used = startable(device, files, target(), notes.append)
    told = check_starts(device, place_runner(device, used), used, target())
    assert told.of(Info) is not None
    return used, notes


@pytest.fixture
def noexec(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "noexec"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "noexec,size=128m", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounting needs root: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_runner_that_starts_is_used_as_it_is_and_costs_one_command_more(files: RunnerFiles, tmp_path: Path) -> None:
    link = ShellLink()
    with over_a_shell(tmp_path / "work", link) as device:
        place_runner(device, files)
        before = len(link.commands)
        place_runner(device, files)
        pushing = len(link.commands) - before
        assert started(device, files) == (files, [])
        assert len(link.commands) - before == 3 * pushing + 2


@pytest.mark.parametrize("over", ["a shell", "ssh"])
def test_a_folder_mounted_noexec(files: RunnerFiles, noexec: Path, tmp_path: Path, over: str) -> None:
    with over_ssh(noexec / "lab", tmp_path) if over == "ssh" else over_a_shell(noexec / "lab") as device:
        problem = refused(device, files)
    assert re.search(r"^board: no program can be executed in /.*: its file system is mounted noexec", problem.what)
    assert "[device].work_dir of targets/board.toml" in str(problem.hint)
    assert list((noexec / "lab").rglob("start.*")) == []


def test_a_folder_of_this_machine_mounted_noexec(files: RunnerFiles, noexec: Path) -> None:
    copies = [shutil.copy2(path, noexec / path.name) for path in (files.binary, *files.libs)]
    here = replace(files, binary=Path(copies[0]), libs=tuple(map(Path, copies[1:])))
    spec = replace(target(transport="local"), name="local")
    problem = refused(LocalDevice(spec), here, spec)
    assert "mounted noexec" in problem.what
    assert "LAB_HOME" in str(problem.hint)


def set_loader(files: RunnerFiles, loader: str) -> None:
    subprocess.run([program("patchelf", "patchelf"), "--set-interpreter", loader, str(files.binary)], check=True)


def test_a_loader_that_is_missing_is_brought_along(changed: RunnerFiles, tmp_path: Path) -> None:
    """musl, or a userland of 32 bits: the runner's loader is not there, whatever the shell says of it."""
    set_loader(changed, "/lib/missing/ld-linux-x86-64.so.2")
    with over_a_shell(tmp_path / "work") as device:
        used, notes = started(device, changed)
    assert [path.name for path in used.carried][:2] == ["ld-linux-x86-64.so.2", "libc.so.6"]
    assert "its loader /lib/missing/ld-linux-x86-64.so.2 is not on the device" in used.libc_reason
    assert (used.described()["libc"], used.described()["libc_reason"]) == ("carried", used.libc_reason)
    assert notes == [f'{used.libc_reason}; lab brings a C library along, as with [compile].libc = "carried"']


def test_a_loader_of_another_kind_cannot_be_brought(changed: RunnerFiles, tmp_path: Path) -> None:
    set_loader(changed, "/system/bin/missing-linker64")
    with over_a_shell(tmp_path / "work") as device:
        problem = refused(device, changed)
    assert "its loader /system/bin/missing-linker64 is not on the device" in problem.what
    assert problem.hint == 'set libc = "carried" in [compile] of targets/board.toml'


def test_a_c_library_that_is_too_old(changed: RunnerFiles, tmp_path: Path) -> None:
    data = changed.binary.read_bytes()
    newest = max(re.findall(rb"GLIBC_2\.(\d+)\0", data), key=int)
    changed.binary.write_bytes(data.replace(b"GLIBC_2.%s\0" % newest, b"GLIBC_9.%s\0" % newest))
    with over_a_shell(tmp_path / "work") as device:
        problem = refused(device, changed)  # brought along is this machine's, which is too old for it as well
    assert f"library is too old for the runner: GLIBC_9.{newest.decode()} is not found there" in problem.what


@pytest.mark.parametrize(
    ("says", "what"),
    [
        ("x: /lib/aarch64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found (required by x)", "GLIBC_2.28 is not"),
        ("x: /lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by y)", "GLIBCXX_3.4.29 is not"),
        (
            "x: error while loading shared libraries: libstdc++.so.6: cannot open shared object file: No such file",
            "libst",
        ),
        ("Error relocating /x/libtvm_ffi.so: __memcpy_chk: symbol not found", "__memcpy_chk is not found"),
        ("Error loading shared library libgcc_s.so.1: No such file or directory (needed by x)", "libgcc_s.so.1 is not"),
    ],
)
def test_what_loaders_of_other_systems_print_is_understood(
    files: RunnerFiles, tmp_path: Path, says: str, what: str
) -> None:
    """glibc 2.27 of a Jetson Nano, an old libstdc++ or none, musl with a glibc loader beside it."""
    with over_a_shell(tmp_path / "work") as device:
        problem = refused(device, replace(files, binary=_script(tmp_path, f"cat >&2 <<'E'\n{says}\nE\nexit 1")))
    assert what in problem.what
    assert problem.hint == 'set libc = "carried" in [compile] of targets/board.toml'


def test_a_library_of_the_system_that_is_missing(files: RunnerFiles, tmp_path: Path) -> None:
    says = "lab-bench: error while loading shared libraries: libdw.so.1: cannot open shared object file: No such file"
    with over_a_shell(tmp_path / "work") as device:
        odd = replace(files, binary=_script(tmp_path, f'echo "{says} or directory" >&2; exit 127'))
        problem = refused(device, odd)
    assert "libdw.so.1 is not found there" in problem.what


def test_another_processor(changed: RunnerFiles, tmp_path: Path) -> None:
    header = bytearray(changed.binary.read_bytes())
    header[18:20] = (183).to_bytes(2, "little")  # EM_AARCH64
    changed.binary.write_bytes(header)
    with over_a_shell(tmp_path / "work") as device:
        problem = refused(device, changed)
    assert re.search("the runner is for aarch64 and cannot be started: the device is x86_64", problem.what)
    assert "[compile].mtriple" in str(problem.hint)


def test_a_permission_that_is_missing(files: RunnerFiles, tmp_path: Path) -> None:
    with over_a_shell(tmp_path / "work") as device:
        place_runner(device, files)
        for stored in (tmp_path / "work" / "store").iterdir():
            stored.chmod(0o600)
        problem = refused(device, files)
    assert "may not be executed: its permission is missing" in problem.what
    assert problem.hint == "lab devices clean --target board, and it is sent again"


def test_one_that_dies_without_a_word(files: RunnerFiles, tmp_path: Path) -> None:
    with over_a_shell(tmp_path / "work") as device:
        problem = refused(device, replace(files, binary=_script(tmp_path, "echo why >&2; kill -SEGV $$")))
    assert problem.what == "board: the runner cannot be started: killed by SIGSEGV: why"


def test_one_that_starts_and_knows_no_answer_has_started(files: RunnerFiles, tmp_path: Path) -> None:
    says = '{"event": "error", "where": "runtime", "message": "libtvm_runtime.so: not found"}'
    with over_a_shell(tmp_path / "work") as device:
        odd = replace(files, binary=_script(tmp_path, f"echo '{says}'; exit 1"))
        assert startable(device, odd, target(), note=lambda text: None) is odd


def _script(folder: Path, text: str) -> Path:
    path = folder / "lab-bench"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_a_runner_that_somebody_killed_had_started(changed: RunnerFiles, tmp_path: Path, signal: str) -> None:
    changed.binary.write_text(f"#!/bin/sh\nkill -{signal} $$\n")
    with over_a_shell(tmp_path / "work") as device:
        told = check_starts(device, place_runner(device, changed), changed, target())
    assert told.ending == f"killed by SIG{signal}"
