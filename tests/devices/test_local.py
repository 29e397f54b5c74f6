from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.core.errors import DeviceError
from lab.core.proc import CommandError
from lab.devices.local import LocalDevice
from lab.devices.readings.files import LocalFiles
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec
from tests.devices import fake_root

TARGET = TargetSpec(schema=1, name="here", description="", device=DeviceSpec(transport="local"))


@pytest.fixture
def device() -> LocalDevice:
    return LocalDevice(TARGET)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_run_gives_exit_code_and_output(device: LocalDevice) -> None:
    done = device.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), timeout_s=30)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_run_names_the_signal_that_killed(device: LocalDevice) -> None:
    lines: list[str] = []
    done = device.run(python("import os; os.kill(os.getpid(), 11)"), timeout_s=30, on_line=lines.append)
    assert (done.code, lines) == (-11, [])


def test_run_gives_each_line_and_adds_to_the_environment(device: LocalDevice) -> None:
    lines: list[str] = []
    code = "import os; print(os.environ['EXTRA']); print('PATH' in os.environ)"
    device.run(python(code), timeout_s=30, on_line=lines.append, env={"EXTRA": "$(id) `id`"})
    assert lines == ["$(id) `id`", "True"]


def test_no_shell_reads_the_words(device: LocalDevice) -> None:
    word = "a; echo b > /tmp/never $(id)"
    done = device.run([*python("import sys; print(sys.argv[1])"), word], timeout_s=30)
    assert done.stdout == word + "\n"


@pytest.mark.parametrize("on_line", [None, lambda line: None])
def test_past_its_time_the_program_and_its_children_are_gone(
    device: LocalDevice, tmp_path: Path, on_line: Callable[[str], None] | None
) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(CommandError, match="within 1 s"):
        device.run(python(code), timeout_s=1, on_line=on_line)
    assert gone(int(pid_file.read_text()))


def test_a_program_that_does_not_exist(device: LocalDevice) -> None:
    with pytest.raises(CommandError, match="cannot start: No such file"):
        device.run(["/no/such/program"], timeout_s=5)


def test_push_copies_nothing(device: LocalDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.so").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert device.push(Path("model.so"), "any/name") == str(tmp_path / "model.so")
    with pytest.raises(DeviceError, match="missing does not exist"):
        device.push(tmp_path / "missing", "any")


def test_pull_is_whole_or_not_at_all(device: LocalDevice, tmp_path: Path) -> None:
    (tmp_path / "from").write_text("content")
    device.pull(str(tmp_path / "from"), tmp_path / "to")
    assert (tmp_path / "to").read_text() == "content"
    with pytest.raises(DeviceError, match=r"cannot pull .*gone"):
        device.pull(str(tmp_path / "gone"), tmp_path / "to2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from", "to"]


def test_state_of_this_machine_is_plausible(device: LocalDevice) -> None:
    state = device.state(window_s=0.05)
    assert 0 <= state["busy_fraction"] <= 1
    assert state["mem_available_bytes"] > 1 << 20
    assert device.state(window_s=0)["busy_fraction"] is None
    facts = device.facts()
    assert facts["cores"] == len(os.sched_getaffinity(0))
    assert facts["mem_total_bytes"] >= facts["mem_available_bytes"]


def test_state_waits_only_by_the_clock_it_was_given(tmp_path: Path) -> None:
    waits: list[float] = []
    device = LocalDevice(TARGET, files=LocalFiles(fake_root.write(tmp_path)), sleep=waits.append)
    assert device.state(window_s=500)["busy_fraction"] is None  # the counters stood still
    assert waits == [500]


def test_serial_is_the_machine_not_the_target(tmp_path: Path) -> None:
    files = LocalFiles(fake_root.write(tmp_path))
    one, two = (LocalDevice(replace(TARGET, name=name), files=files) for name in ("one", "two"))
    assert one.serial == two.serial == "local-0123456789abcdef0123456789abcdef"
    bad = LocalFiles(fake_root.write(tmp_path / "bad", {"/etc/machine-id": "uninitialized\n"}))
    assert "uninitialized" not in LocalDevice(TARGET, files=bad).serial


def gone(pid: int) -> bool:
    """Wait a moment for the kernel to reap it; an orphan may stay a zombie where nobody is its parent."""
    for _ in range(50):
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if status == "Z":
            return True
        time.sleep(0.1)
    return False
