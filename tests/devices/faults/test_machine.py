"""A whole machine that reboots, runs out of memory, or changes its clock in the middle of a measurement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab import store
from lab.core.proc import run
from lab.devices.link import Access
from lab.devices.qemu.connect import inside
from lab.devices.qemu.image import Image
from lab.devices.qemu.machine import start_machine
from lab.devices.qemu.running import Guest
from lab.devices.registry import connect
from lab.devices.ssh import connection
from lab.formats.run_record import RunRecord
from lab.formats.target import TargetSpec
from tests.devices import emulated
from tests.devices.faults.bench import Bench, rows
from tests.devices.faults.command import CELL, Command

pytestmark = pytest.mark.slow

BOOT_S = 180.0
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
# While lab-bench runs its repetition: three days on, and down at once. The brackets keep pgrep from finding itself.
RUNS = "pgrep -f 'lab-benc[h] run '"
LONG = (*CELL[:-1], "200")  # tokens, so that it is still timing them when the clock is changed
WAIT = f"until {RUNS}; do sleep 0.05; done; sleep 0.5"
JUMP = f"({WAIT}) >/dev/null; date -s '3 days'; {RUNS}"
REBOOT = f"({WAIT}; echo b >/proc/sysrq-trigger) </dev/null >/dev/null 2>&1 &"
TABLES = """[device]
transport = "ssh"
emulated = true
[ssh]
host = "127.0.0.1"
port = {port}
user = "{user}"
key = "{key}"
known_hosts = "{known_hosts}"
[compile]
mtriple = "aarch64-unknown-linux-gnu"
cpu = "cortex-a76"
libc = "device"
"""


@dataclass(frozen=True)
class Machine:
    """A machine that runs, and how to log in."""

    guest: Guest
    image: Image

    def root(self, command: str) -> str:
        """Have root's shell there run `command`."""
        return run(emulated.ssh_argv(self.image, self.guest.port, "root", command), timeout_s=120).stdout

    @property
    def target(self) -> TargetSpec:
        spec = emulated.target("machine")
        return replace(inside(spec, self.image, self.guest), name="machine")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    image = emulated.image("machine")
    guest = start_machine(emulated.target("machine", memory_mib=1024), image)
    yield Machine(guest, image)
    guest.running.close()


@dataclass(frozen=True)
class Rebooted:
    """What `lab run` said of a machine whose clock was changed in one repetition, and that rebooted in the next."""

    code: int
    said: list[str]
    clock: str
    record: RunRecord


@pytest.fixture(scope="module")
def rebooted(machine: Machine, command: Command) -> Rebooted:
    ssh = machine.target.ssh
    tables = TABLES.format(port=ssh.port, user=ssh.user, key=ssh.key, known_hosts=ssh.known_hosts)
    command.target("machine", tables)
    before = machine.root(BOOT_ID)
    said, clock, phase = [], "", ""
    with command.start("run", "--target", "machine", *LONG, LAB_PROGRESS="json") as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            event = json.loads(line) if line.startswith("{") else {}
            phase = event.get("phase", phase)
            if phase == "measure" and "phase" in event:
                clock = machine.root(JUMP)
            elif phase == "measure" and "advance" in event:
                machine.root(REBOOT)
    machine.guest.running.wait_until(lambda: machine.root(BOOT_ID) not in ("", before), timeout_s=BOOT_S)
    return Rebooted(process.returncode, said, clock, command.records("machine")[0])


def test_a_clock_that_jumps_is_in_no_number(rebooted: Rebooted) -> None:
    assert len(rebooted.clock.split("\n")) >= 3, "lab-bench had ended before the clock was changed"
    row = rows(rebooted.record)[0]
    assert row.status == "ok"
    assert row.decode_tok_per_s is not None
    assert 0 < row.decode_tok_per_s < 10_000
    assert all(0 < later - earlier < 600e9 for earlier, later in zip(row.token_ns, row.token_ns[1:], strict=False))


def test_a_reboot_is_on_record(rebooted: Rebooted) -> None:
    assert rebooted.code == 4, rebooted.said
    assert rebooted.record.status == "failed"
    lost = rows(rebooted.record)[1]
    assert (lost.status, lost.by_device, lost.reason) == ("failed", True, rebooted.record.reason)


def test_resume_measures_what_the_reboot_left_out(machine: Machine, command: Command, rebooted: Rebooted) -> None:
    code, said = command("run", "--resume", rebooted.record.run_id)
    assert code == 0, said
    again = command.records("machine")[-1]
    assert (again.status, [row.status for row in rows(again)]) == ("ok", ["ok", "ok"])
    assert again.resumes == rebooted.record.run_id
    assert again.pushed.sent_bytes == 0, "what had arrived before the reboot was there still"


def test_a_program_that_takes_all_memory(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # While memory runs out, an emulated machine on a busy host may not answer for longer than lab waits.
    monkeypatch.setitem(connection.KEEPALIVE, "keepalive_count_max", 10)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    record = Bench(tmp_path, machine.target, lambda: connect(machine.target, Access()), "/bin/sh").run("eat")
    assert [row.status for row in rows(record)] == ["ok", "failed"]
    lost = rows(record)[1]
    assert (lost.reason, lost.by_device) == ("killed by SIGKILL", True)
    assert any("Out of memory: Killed process" in line for line in lost.device_log)
    assert store.load(store.find("latest")) == record
