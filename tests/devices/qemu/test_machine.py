"""The emulated machine is a real arm64 Linux: its own kernel, true memory figures, reboots; its death is noticed."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab.core.errors import DeviceUnreachableError
from lab.core.proc import Completed, run
from lab.devices.qemu.image import Image
from lab.devices.qemu.machine import start_machine
from lab.devices.qemu.running import Guest
from tests.devices import emulated

pytestmark = pytest.mark.slow

Ssh = Callable[..., Completed]
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
REBOOT_S = 180.0


@pytest.fixture(scope="module")
def machine(machine_image: Image) -> Iterator[Guest]:
    guest = start_machine(emulated.target("machine"), machine_image)
    yield guest
    guest.running.close()


@pytest.fixture(scope="module")
def ssh(machine: Guest, machine_image: Image) -> Ssh:
    return lambda command, user="shell": ssh_to(machine_image, machine, command, user)


def ssh_to(image: Image, guest: Guest, command: str, user: str = "shell") -> Completed:
    return run(emulated.ssh_argv(image, guest.port, user, command), timeout_s=120)


def test_it_answers_by_ssh_as_the_machine_that_was_asked_for(ssh: Ssh) -> None:
    done = ssh("uname -m; nproc; grep -m1 'CPU part' /proc/cpuinfo; id -un; echo no >&2; exit 5")
    assert (done.code, done.stderr) == (5, "no\n")
    assert done.stdout.split("\n") == ["aarch64", "2", "CPU part\t: 0xd0b", "shell", ""]


def test_memory_is_the_program_s_own(ssh: Ssh) -> None:
    command = "grep VmHWM /proc/$$/status; x=$(head -c 6000000 /dev/zero | tr '\\0' x); grep VmHWM /proc/$$/status"
    before_kb, after_kb = (int(number) for number in re.findall(r"VmHWM:\s+(\d+) kB", ssh(command).stdout))
    assert before_kb < 4_000  # an emulated process on the host's kernel would show the emulator's 10 MB and more
    assert 6_000 < after_kb < 40_000


def test_there_is_room_for_a_model_and_the_kernel_log_can_be_read(ssh: Ssh) -> None:
    free_kb = int(ssh("df -k --output=avail ~ /data/local/tmp | tail -1").stdout)
    assert free_kb > 1_500_000
    assert "Linux version" in ssh("dmesg").stdout


def test_nothing_outside_can_be_reached(ssh: Ssh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # 10.0.2.2 is what QEMU calls the host
        server.setblocking(False)
        assert ssh(f"busybox nc -w 3 10.0.2.2 {server.getsockname()[1]} < /dev/null").code != 0
        with pytest.raises(BlockingIOError):
            server.accept()


def test_files_go_by_sftp_too(machine: Guest, machine_image: Image, tmp_path: Path) -> None:
    server = machine_image.manifest.ssh
    assert server is not None
    argv = emulated.ssh_argv(machine_image, machine.port, "shell", "")[1:-2]
    options = ["-P" if word == "-p" else word for word in argv]
    source = tmp_path / "data"
    source.write_bytes(b"x" * 100_000)
    run([emulated.program("scp"), *options, str(source), "shell@127.0.0.1:got"], timeout_s=120, check=True)
    assert ssh_to(machine_image, machine, "stat -c %s got").stdout == "100000\n"


def test_it_reboots_and_forgets_nothing_but_its_processes(ssh: Ssh, machine: Guest) -> None:
    ssh("echo kept > ~/kept; sync")
    before = ssh(BOOT_ID).stdout
    ssh("reboot", "root")
    machine.running.wait_until(lambda: ssh(BOOT_ID).stdout not in ("", before), timeout_s=REBOOT_S)
    assert ssh("cat ~/kept").stdout == "kept\n"


def test_the_next_start_has_forgotten_all(machine_image: Image, ssh: Ssh) -> None:
    ssh("echo mine > ~/mine")
    guest = start_machine(emulated.target("machine", cores=1, memory_mib=512), machine_image)
    with closing(guest.running):
        said = ssh_to(machine_image, guest, "ls ~; nproc; grep MemTotal /proc/meminfo").stdout
    cores, _, total_kb, _ = said.split()
    assert cores == "1"
    assert int(total_kb) < 512 << 10


def test_it_answers_by_adb(machine_image: Image, tmp_path: Path) -> None:
    guest = start_machine(emulated.target("machine", reach="adb"), machine_image)
    with closing(guest.running), emulated.adb(tmp_path, guest.port) as adb:
        done = adb.shell("uname -m; id -un; getprop ro.serialno; exit 6")
    assert (done.code, done.stdout.split()) == (6, ["aarch64", "shell", "lab-machine"])


def test_a_panic_ends_it(machine_image: Image) -> None:
    guest = start_machine(emulated.target("machine"), machine_image)
    with closing(guest.running):
        ssh_to(machine_image, guest, "(sleep 1; echo c > /proc/sysrq-trigger) < /dev/null > /dev/null 2>&1 &", "root")
        with pytest.raises(DeviceUnreachableError, match=r"the emulator has ended[^!]*Kernel panic - not syncing"):
            guest.running.wait_until(lambda: False, timeout_s=REBOOT_S)


def broken(image: Image, folder: Path, name: str) -> Image:
    """Return the image with one of its files empty."""
    for entry in image.manifest.files:
        (folder / entry.name).symlink_to(image.path(entry.name))
    (folder / name).unlink()
    (folder / name).touch()
    return replace(image, folder=folder)


@pytest.mark.parametrize(("name", "words"), [("initrd", "Kernel panic"), ("disk.raw", "init: ")])
def test_a_machine_that_cannot_boot_is_noticed_at_once(
    machine_image: Image, tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(DeviceUnreachableError, match="the emulator has ended") as caught:
        start_machine(emulated.target("machine"), broken(machine_image, tmp_path, name))
    assert words in str(caught.value)


def test_a_processor_that_qemu_does_not_know_is_told_in_its_words(machine_image: Image) -> None:
    with pytest.raises(DeviceUnreachableError, match="z80"):
        start_machine(emulated.target("machine", cpu="z80"), machine_image)
