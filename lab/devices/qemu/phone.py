"""Starting the phone: adbd in a root, process and mount world of its own; its arm64 programs run by qemu-user."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from lab.core.errors import ConfigError, DeviceError, DeviceUnreachableError
from lab.core.proc import CommandError, run
from lab.devices.link import Link, LinkTimeoutError
from lab.devices.qemu.image import Image
from lab.devices.qemu.running import Guest, Running, adb_answers, free_port, version_of
from lab.formats.target import TargetSpec

V8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
V82 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"

# What /proc/cpuinfo of a phone says: under qemu-user it would be the host's.
# QEMU's name -> implementer is Arm's, part, features as the kernel prints them.
CPUS = {
    "cortex-a53": ("0xd03", V8),
    "cortex-a57": ("0xd07", V8),
    "cortex-a72": ("0xd08", V8),
    "cortex-a76": ("0xd0b", V82),
    "neoverse-n1": ("0xd0c", V82),
}


def cpuinfo(cpu: str, cores: int) -> str:
    """Return the text of /proc/cpuinfo for `cores` of the processor that QEMU calls `cpu`."""
    if cpu not in CPUS:
        raise ConfigError(f"[qemu].cpu: a phone cannot have a {cpu!r}", hint=f"there are: {', '.join(CPUS)}")
    part, features = CPUS[cpu]
    lines = ["BogoMIPS\t: 100.00", f"Features\t: {features}", "CPU implementer\t: 0x41", "CPU architecture: 8"]
    lines += ["CPU variant\t: 0x1", f"CPU part\t: {part}", "CPU revision\t: 0"]
    return "".join(f"processor\t: {i}\n" + "\n".join(lines) + "\n\n" for i in range(cores))


START_S = 90.0
ASK_S = 60.0
SCRIPT = Path(__file__).with_name("phone.sh")
NEEDED = ("unshare", "mount", "chroot", "tar")


def start_phone(target: TargetSpec, image: Image) -> Guest:
    """Start the phone of `image` and wait until its adbd answers.

    Raises:
        ConfigError: it is to be reached by something else than adb, or to have a processor that it can't.
        DeviceError: we are not root, or arm64 programs can't be run here.
        DeviceUnreachableError: it ended, or does not answer.
    """
    if target.qemu.reach != "adb":
        raise ConfigError(f"{target.name}: a phone has no ssh", hint='set reach = "adb" in [qemu]')
    start_id, port = secrets.token_hex(8), free_port()
    words = _words(target, image, port, start_id)
    emulator = version_of(_may_start(target))
    running = Running(target.name, words)
    try:
        running.wait_until(lambda: adb_answers(port), timeout_s=START_S)
    except BaseException:
        running.close()
        raise
    return Guest(running, "adb", port, f"qemu-user {emulator}", lambda link: _check_is_ours(link, target, start_id))


def _may_start(target: TargetSpec) -> Path:
    """Return the emulator of arm64 programs; DeviceError when a phone can't be started by us here."""
    if os.geteuid() != 0:
        raise DeviceError(
            f"{target.name}: the emulated phone needs root: it gets a root folder of its own",
            hint="run lab as root in a container or a virtual machine, or emulate a whole machine (qemu-arm64)",
        )
    for program in NEEDED:
        if shutil.which(program) is None:
            raise DeviceError(f"{target.name}: {program} is missing", hint="apt-get install util-linux coreutils tar")
    return ensure_rule()


def _words(target: TargetSpec, image: Image, port: int, start_id: str) -> list[str]:
    parts = image.manifest.phone
    assert parts is not None
    world = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    # The tar file is opened before /tmp is covered.
    shell = ["sh", "-c", 'root=$1; shift; exec sh "$0" "$@" < "$root"', str(SCRIPT), str(image.path(parts.root))]
    cpu = target.qemu.cpu
    properties = _properties(image, port, start_id)
    text = cpuinfo(cpu, len(os.sched_getaffinity(0)))
    return [*world, *shell, parts.adbd, str(target.qemu.storage_mib), cpu, text, properties]


def _properties(image: Image, port: int, start_id: str) -> str:
    serial = f"LABPHONE{image.manifest.key[:8].upper()}"
    values = {"service.adb.listen_addrs": f"tcp:localhost:{port}", "ro.serialno": serial, "lab.start_id": start_id}
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _check_is_ours(link: Link, target: TargetSpec, start_id: str) -> None:
    """Make sure that nobody else's adbd took the port: adbd waits in silence for one that is taken."""
    try:
        said = link.execute("getprop lab.start_id", timeout_s=ASK_S).stdout
    except LinkTimeoutError as problem:
        raise DeviceUnreachableError(
            f"{target.name}: the emulated phone runs no command within {ASK_S:g} s"
        ) from problem
    if said.strip() != start_id.encode():
        raise DeviceUnreachableError(
            f"{target.name}: another adbd took the port of the emulated phone", hint="try again"
        )


RULES = Path("/proc/sys/fs/binfmt_misc")
# Where distributions keep the ready line for the kernel.
LINES = tuple(
    Path(folder) / name
    for folder in ("/usr/lib/binfmt.d", "/etc/binfmt.d")
    for name in ("qemu-aarch64.conf", "qemu-aarch64-static.conf")
)
FIX_BINARY = "F"  # the kernel opens the emulator when the rule is made, and not by its path in the new root
HINT = "apt-get install qemu-user-static"


def ensure_rule() -> Path:
    """Return the emulator that runs arm64 programs; makes the rule when there is none (root).

    Raises DeviceError where it can't be made, or one that is there does not do.
    """
    found = _find()
    if found is None:
        _register()
        found = _find()
    if found is None:
        raise DeviceError("the kernel did not take the rule for arm64 programs (binfmt_misc)", hint=HINT)
    return found


def _find() -> Path | None:
    for rule in sorted(RULES.glob("qemu-aarch64*")):
        text = rule.read_text("utf-8", "replace")
        fields = dict(line.partition(" ")[::2] for line in text.splitlines())
        if not text.startswith("enabled"):
            continue
        if FIX_BINARY not in fields.get("flags:", ""):
            raise DeviceError(
                f"{rule}: the rule for arm64 programs holds only where its emulator is in the root (no flag F)",
                hint=f"remove it: echo -1 > {rule}, and try again; it is then made anew",
            )
        return Path(fields.get("interpreter", "")).resolve()  # by its other name it serves the kernel only
    return None


def _register() -> None:
    line = next((path for path in LINES if path.is_file()), None)
    if line is None:
        raise DeviceError("arm64 programs cannot be run here: qemu-user-static is not installed", hint=HINT)
    try:
        if not (RULES / "register").exists():
            run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(RULES)], timeout_s=30, check=True)
        (RULES / "register").write_text(line.read_text("utf-8"), "utf-8")
    except (OSError, CommandError) as problem:
        raise DeviceError(
            f"the rule for arm64 programs (binfmt_misc) could not be made: {problem}",
            hint="this kernel or container may not allow it; on the host: systemctl restart systemd-binfmt",
        ) from problem
