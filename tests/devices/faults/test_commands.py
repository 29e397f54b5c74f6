"""`lab run` on devices that cannot be used: each is a record with its reason, exit code 4, and the next goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lab.formats.run_record import RunRecord
from tests.devices import emulated
from tests.devices.adb.conftest import free_port
from tests.devices.faults.command import CELL, MEASURE, Command
from tests.devices.kinds import home
from tests.devices.peers.adbd_server import Faults, adbd
from tests.devices.peers.sshd import Sshd, make_key, public_words

pytestmark = pytest.mark.slow

# Target -> what its reason says.
REASONS = {
    "refused": "login refused",
    "changed": "THE HOST KEY HAS CHANGED",
    "new": "unknown host",
    "absent": "connection refused",
    "dead": "told no exit code",
    "silent": "not usable: offline",
    "unauthorised": "has not allowed this computer",
    "no-phone": "no answer at",
}


@pytest.fixture(scope="module")
def server(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A host, and a target for each way in which it, or a phone, can't be used."""
    folder = tmp_path_factory.mktemp("peers")
    with ExitStack() as stack:
        found = stack.enter_context(Sshd(folder / "sshd"))
        stack.enter_context(home(found.home))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
        stack.callback(kill_server)
        stranger = make_key(found.dot_ssh / "stranger")
        empty, wrong = folder / "empty", folder / "wrong"
        empty.touch()
        wrong.write_text(f"[{found.host}]:{found.port} {public_words(stranger)}\n")
        ssh(command, "good", found)
        # Named in the configuration, since the usual keys are offered beside one that the target names.
        found.config.write_text(f"Host lab-test\nHostName {found.host}\nIdentityFile {stranger}\n")
        ssh(command, "refused", found, host="lab-test")
        ssh(command, "changed", found, known_hosts=str(wrong))
        ssh(command, "new", found, known_hosts=str(empty))
        ssh(command, "absent", found, port=free_port())
        adb(command, "no-phone", free_port())
        adb(command, "dead", stack.enter_context(adbd(folder, faults=Faults(offline=True))).port)
        adb(command, "silent", stack.enter_context(adbd(folder, faults=Faults(silent=True))).port, "adb")
        adb(command, "unauthorised", stack.enter_context(adbd(folder, faults=Faults(secure=True))).port)
        yield found


def kill_server() -> None:
    subprocess.run([emulated.program("adb"), "kill-server"], check=False, capture_output=True)


def ssh(command: Command, name: str, server: Sshd, **fields: object) -> None:
    given = {"host": server.host, "port": server.port, **fields}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    command.target(name, f'[device]\ntransport = "ssh"\n[ssh]\n{lines}')


def adb(command: Command, name: str, port: int, backend: str = "adb-shell") -> None:
    table = f'address = "127.0.0.1:{port}"\nbackend = "{backend}"\n'
    command.target(name, f'[device]\ntransport = "adb"\n[adb]\n{table}')


@pytest.fixture(scope="module")
def fleet(command: Command, server: Sshd) -> tuple[int, str]:
    """One command on all of them."""
    return command("run", "--target", ",".join([*REASONS, "good"]), *CELL)


@pytest.mark.parametrize("name", REASONS)
def test_a_device_that_cannot_be_used_is_on_record(command: Command, fleet: tuple[int, str], name: str) -> None:
    (record,) = command.records(name)
    assert record.status == "failed"
    assert REASONS[name] in str(record.reason)
    assert [cell.status for cell in record.cells] == ["not_run"]
    assert str(record.reason).partition("\n")[0][:40] in fleet[1]


def test_the_one_that_can_be_used_is_measured(command: Command, fleet: tuple[int, str]) -> None:
    assert fleet[0] == 4, fleet[1]
    (record,) = command.records("good")
    assert (record.status, ok_rows(record)) == ("ok", 2)


def test_resume_measures_what_is_missing(command: Command, fleet: tuple[int, str], server: Sshd) -> None:
    (record,) = command.records("refused")
    server.authorize(server.key, server.dot_ssh / "stranger")
    code, said = command("run", "--resume", record.run_id)
    assert code == 0, said
    again = command.records("refused")[-1]
    assert (again.status, ok_rows(again), again.resumes) == ("ok", 2, record.run_id)


def test_a_phone_without_room(command: Command) -> None:
    image = emulated.image("phone")
    command.target("small", FULL.format(name=image.manifest.name), MEASURE)
    code, said = command("run", "--target", "small", *CELL)
    assert code == 4, said
    (record,) = command.records("small")
    assert record.status == "failed"
    assert "have to be sent and 64.0 MiB to stay free, but 32.0 MiB are free" in str(record.reason)
    assert [cell.status for cell in record.cells] == ["not_run"]
    assert "lab devices clean --target small" in said


FULL = """[device]
transport = "qemu"
emulated = true
[qemu]
image = "{name}"
reach = "adb"
cpu = "cortex-a76"
storage_mib = 32
[compile]
mtriple = "aarch64-unknown-linux-gnu"
cpu = "cortex-a76"
libc = "carried"
"""


def ok_rows(record: RunRecord) -> int:
    return sum(row.status == "ok" for cell in record.cells for row in cell.repetitions)
