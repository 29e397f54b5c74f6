"""Readers of files of systems: OpenSSH's of this machine, /proc and /sys of a device, what phones and Macs answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.fuzz.targets import CASES, TESTS, Target, raw, text

PROC = (
    *((CASES / name).read_bytes() for name in ("proc-stat-13-fields.txt", "proc-stat-long-number.txt")),
    b"processor : 0\nmodel name : x\nflags : a b\ncpu MHz : 1.5\n\nprocessor : 1\nflags : a\n",
    b"MemTotal: 1 kB\nMemAvailable: 2 kB\n",
    b"/proc/stat:cpu 1 2 3 4\n/sys/devices/system/cpu/online:0-3,5\n/proc/cpuinfo:processor : 0\n",
)
SSH = (
    b"Host rpi5\n HostName 10.0.0.3\n Port 22\n UserKnownHostsFile ~/.ssh/known_hosts\n ProxyJump a,b:2\n",
    *((CASES / f"ssh-config-{name}.txt").read_bytes() for name in ("nul", "unknown-home")),
    b"Match host rpi5\n RekeyLimit 1G 1h\n IdentityFile ~/.ssh/id\n Include config\n ConnectTimeout 5\n",
)
KEY = b"AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
HOSTS = (
    b"rpi5 ssh-ed25519 " + KEY + b"\n[rpi5]:22,10.0.0.* ssh-ed25519 " + KEY + b"\n",
    b"@cert-authority *.x ssh-ed25519 " + KEY + b" c\n|1|abcd|efgh ssh-ed25519 " + KEY + b"\n!rpi5,r* ssh-rsa AAAA\n",
)


def targets() -> list[Target]:
    """Return every reader of files of systems."""
    return [*_ssh(), *_system()]


def _ssh() -> list[Target]:
    from lab.devices.ssh import route
    from lab.devices.ssh.keys import Keys
    from lab.devices.ssh.known_hosts import KnownHosts
    from lab.formats.transports import SshSpec

    def config(folder: Path, data: bytes) -> None:
        os.environ["HOME"] = str(folder)
        (folder / ".ssh").mkdir()
        (folder / ".ssh/config").write_bytes(data)
        for hop in route.route(SshSpec(host="rpi5")):
            hop.known_hosts().match("rpi5", "", 22)
            [hop.path(name) for name in hop.setting("IdentityFile", ())]

    def hosts(folder: Path, data: bytes) -> None:
        (folder / "known").write_bytes(data)
        KnownHosts("rpi5", ["[rpi5]:22"], [folder / "known"]).match("rpi5", "10.0.0.3", 22)

    def key(folder: Path, data: bytes) -> None:
        (folder / "id").write_bytes(data)
        (folder / "id").chmod(0o600)
        Keys().add_file(folder / "id")

    import asyncssh

    made = [asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")]
    private = [one.export_private_key(form) for one in made for form in ("openssh", "pkcs8-pem")]
    return [
        Target("ssh config", text(*SSH), config),
        Target("known_hosts", raw(*HOSTS), hosts),
        Target("private key", raw(*private), key),
    ]


class _Same:
    """Files that all have the same text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, path: str) -> str | None:
        return self._text

    def names(self, folder: str) -> list[str]:
        return ["cpu0", "thermal_zone0", "hwmon0", "temp1_input", "BAT0", "x.mali"]


def _system() -> list[Target]:
    from lab.devices.readings import android, gpus, linux, macos, system_log
    from lab.devices.remote.snapshot import Snapshot, group_paths

    def told(*calls: Callable[[str], object]) -> Callable[[Path, bytes], object]:
        return lambda folder, data: [call(data.decode("utf-8", "replace")) for call in calls]

    def both(files: Any) -> list[object]:
        return [linux.facts(files), linux.state(files), gpus.facts(files), gpus.state(files)]

    macs = [path.read_bytes() for path in sorted((TESTS / "devices/mac_says").iterdir()) if path.is_file()]
    props = b"[ro.product.model]: [Pixel 8]\n[ro.build.version.release]: [15]\n"
    return [
        Target("proc", text(*PROC), told(lambda words: both(_Same(words)))),
        Target("snapshot", text(*PROC), told(lambda words: both(Snapshot(words)), group_paths)),
        Target("android", text(props), told(android.facts, system_log.telling_lines, gpus.facts_from_gles)),
        Target("macos", text(*(macs or [b"x"])), told(macos.facts, macos.state, macos.load)),
    ]
