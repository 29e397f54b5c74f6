"""Starting a whole machine: qemu-system-aarch64 with a kernel, a disk that forgets, and no way out to a network."""

from __future__ import annotations

import shutil

from lab.core.errors import ConfigError, DeviceError
from lab.devices.qemu.image import Image
from lab.devices.qemu.running import HOST, Guest, Running, adb_answers, free_port, ssh_answers, version_of
from lab.formats.target import TargetSpec

PROGRAM = "qemu-system-aarch64"
START_S = 180.0
# After a panic the supervisor ends QEMU; the kernel alone would wait for ever, or reboot into the same panic.
KERNEL_WORDS = "root=/dev/vda console=ttyAMA0 loglevel=4 panic=1"


def start_machine(target: TargetSpec, image: Image) -> Guest:
    """Boot the machine of `image` and wait until it answers by [qemu].reach.

    Raises:
        ConfigError: the image has no such server.
        DeviceError: QEMU is not installed.
        DeviceUnreachableError: it ended (its last words are told), or does not answer.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise DeviceError(f"{target.name}: {PROGRAM} is not installed", hint="apt-get install qemu-system-arm")
    reach, port = target.qemu.reach, free_port()
    running = Running(
        target.name, [program, *_words(target, image, f"hostfwd=tcp:{HOST}:{port}-:{_port(target, image)}")]
    )
    answers = ssh_answers if reach == "ssh" else adb_answers
    try:
        running.wait_until(lambda: answers(port), timeout_s=START_S)
    except BaseException:
        running.close()
        raise
    return Guest(running, reach, port, f"{PROGRAM} {version_of(program)} (TCG)", lambda link: None)


def _port(target: TargetSpec, image: Image) -> int:
    server = image.manifest.ssh if target.qemu.reach == "ssh" else image.manifest.adb
    if server is None:
        raise ConfigError(f"{target.name}: the image {image.manifest.name} does not answer by {target.qemu.reach}")
    return server.port


def _words(target: TargetSpec, image: Image, forward: str) -> list[str]:
    parts, qemu = image.manifest.machine, target.qemu
    assert parts is not None
    disk = str(image.path(parts.disk)).replace(",", ",,")
    # fmt: off
    return [
        "-nodefaults", "-display", "none", "-serial", "stdio", "-accel", "tcg,thread=multi",
        "-machine", "virt,gic-version=3", "-cpu", qemu.cpu, "-smp", str(qemu.cores), "-m", str(qemu.memory_mib),
        "-kernel", str(image.path(parts.kernel)), "-initrd", str(image.path(parts.initrd)), "-append", KERNEL_WORDS,
        "-drive", f"file={disk},if=virtio,format=raw,snapshot=on,cache=unsafe",
        "-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=net,romfile=",
        "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
    ]
    # fmt: on
