"""The emulated phone is what it says: Android's adbd, its shell and tools, arm64 programs, and no C library."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.errors import ConfigError, DeviceError
from lab.core.proc import run
from lab.devices.qemu.image import Image
from lab.devices.qemu.phone import start_phone
from lab.devices.qemu.running import Guest, adb_answers
from tests.devices import emulated
from tests.devices.emulated import Adb

LOADER = Path("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1")
PROGRAM = """
void _start(void) {  /* exit(42), by the kernel's own interface: no C library is needed to build it, or to run it */
  __asm__ volatile("mov x0, #42; mov x8, #93; svc #0");
}
"""
NEEDED = (
    "cat chmod date df env flock grep head id kill ln ls mkdir mv nproc ps readlink rm sed setsid sh sha256sum sleep"
    " stat tail tee timeout touch truncate uname"
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same arm64 program twice: one that needs no loader, and one that asks for the one of glibc."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "exit.c").write_text(PROGRAM)
    clang = [emulated.program("clang"), "--target=aarch64-linux-gnu", "-fuse-ld=lld", "-nostdlib", "-ffreestanding"]
    kinds = {"static": ["-static"], "dynamic": ["-pie", "-fPIE", "-Wl,--dynamic-linker=/lib/ld-linux-aarch64.so.1"]}
    for kind, words in kinds.items():
        run([*clang, *words, str(folder / "exit.c"), "-o", str(folder / kind)], timeout_s=60, check=True)
    return {kind: folder / kind for kind in kinds}


def test_a_command_has_its_exit_code_and_both_outputs(adb: Adb) -> None:
    done = adb.shell("echo out; echo err >&2; exit 7")
    assert (done.code, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_it_is_the_shell_user_of_an_arm64_phone(adb: Adb) -> None:
    said = adb.shell("id -u; uname -m; getprop ro.product.cpu.abi; hostname; echo $ANDROID_ROOT; echo $PATH").stdout
    assert said.split() == ["2000", "aarch64", "arm64-v8a", "localhost", "/system", "/system/bin:/vendor/bin"]
    assert adb("push", str(Path(__file__)), "/system/bin/x").code != 0
    assert adb.shell("echo > /system/bin/x").code != 0


def test_properties_are_read_and_set(adb: Adb) -> None:
    adb.shell("setprop debug.lab.a 'one two=three'; setprop debug.lab.b x")
    assert adb.shell("getprop debug.lab.a; getprop debug.lab.none; getprop debug.lab.none other").stdout == (
        "one two=three\n\nother\n"
    )
    assert "[debug.lab.b]: [x]\n" in adb.shell("getprop").stdout


def test_every_tool_that_lab_needs_is_there(adb: Adb) -> None:
    missing = adb.shell(f"for name in {NEEDED}; do command -v $name > /dev/null || echo $name; done")
    assert missing.stdout == ""
    assert adb.shell("ls -l /system/bin/sha256sum").stdout.strip().endswith("-> toybox")


def test_its_processor_is_the_one_of_the_target(adb: Adb) -> None:
    said = adb.shell("cat /proc/cpuinfo").stdout
    assert "CPU part\t: 0xd0b\n" in said
    assert "asimddp" in said
    assert "sse" not in said


def test_heat_and_charge_are_a_test_s_to_set(adb: Adb) -> None:
    assert "level: 87" in adb.shell("dumpsys battery").stdout
    adb.shell(
        "echo 71500 > /sys/class/thermal/thermal_zone0/temp; echo 'Thermal Status: 3' > /data/dumpsys/thermalservice"
    )
    assert adb.shell("cat /sys/class/thermal/thermal_zone0/temp; dumpsys thermalservice").stdout == (
        "71500\nThermal Status: 3\n"
    )


def test_the_host_s_kernel_log_is_not_told(adb: Adb) -> None:
    done = adb.shell("dmesg")
    assert (done.code, done.stdout) == (1, "")


def push(adb: Adb, program: Path) -> str:
    assert adb("push", str(program), "/data/local/tmp/").code == 0
    adb.shell(f"chmod 755 /data/local/tmp/{program.name}")
    return f"/data/local/tmp/{program.name}"


def test_an_arm64_program_runs(adb: Adb, programs: dict[str, Path]) -> None:
    assert adb.shell(push(adb, programs["static"])).code == 42


def test_a_program_for_glibc_does_not_start(adb: Adb, programs: dict[str, Path]) -> None:
    done = adb.shell(push(adb, programs["dynamic"]))
    assert done.code not in (0, 42)
    assert "ld-linux-aarch64.so.1" in done.stderr + done.stdout
    assert adb.shell("ls /lib /lib64 /usr/lib /system/lib64").stdout == ""


def test_a_program_for_glibc_starts_by_a_loader_that_it_brings(adb: Adb, programs: dict[str, Path]) -> None:
    if not LOADER.exists():
        emulated.not_here(f"{LOADER} is missing: {emulated.INSTALL}")
    loader = push(adb, LOADER)
    assert adb.shell(f"{loader} {push(adb, programs['dynamic'])}").code == 42


def test_orphans_that_end_leave_no_zombie(adb: Adb) -> None:
    adb.shell("setsid sh -c 'exit 3' & true")
    assert adb.shell("ps -A -o STAT,NAME | grep ^Z").stdout == ""


def test_a_full_phone_refuses_more(phone_image: Image, tmp_path: Path) -> None:
    guest = start_phone(emulated.target("phone", storage_mib=4), phone_image)
    try:
        with emulated.adb(tmp_path, guest.port) as adb:
            done = adb.shell("head -c 5000000 /dev/zero > /data/local/tmp/large")
            assert done.code != 0
            assert "No space left on device" in done.stderr
            assert int(adb.shell("stat -c %s /data/local/tmp/large").stdout) == 4 << 20
    finally:
        guest.running.close()
    assert not adb_answers(guest.port)


def test_two_phones_share_nothing(phone: Guest, adb: Adb, phone_image: Image, tmp_path: Path) -> None:
    adb.shell("echo first > /data/local/tmp/whose; setprop debug.lab.whose first")
    guest = start_phone(emulated.target("phone"), phone_image)
    try:
        with emulated.adb(tmp_path, guest.port) as other:
            assert other.shell("ls /data/local/tmp; getprop debug.lab.whose").stdout == "\n"
    finally:
        guest.running.close()
    assert adb.shell("cat /data/local/tmp/whose").stdout == "first\n"


def test_what_a_phone_cannot_be_is_told_before_it_starts(phone_image: Image) -> None:
    with pytest.raises(ConfigError, match="a phone has no ssh"):
        start_phone(emulated.target("phone", reach="ssh"), phone_image)
    with pytest.raises(ConfigError, match="cannot have a 'z80'"):
        start_phone(emulated.target("phone", cpu="z80"), phone_image)


def test_it_says_that_it_needs_root(phone_image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DeviceError, match="needs root") as caught:
        start_phone(emulated.target("phone"), phone_image)
    assert "qemu-arm64" in str(caught.value.hint)
