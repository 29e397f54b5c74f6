"""The emulated machine: an arm64 Debian that boots to ssh and adbd in seconds.

Packages are unpacked and none of their scripts runs, so nothing is emulated while it is built. An init of a few lines
takes the place of systemd, and an initramfs of our own that of initramfs-tools.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from lab.core.proc import run
from lab.core.progress import Progress
from lab.devices.qemu.recipes import adbd
from lab.devices.qemu.recipes.debian import Debian

FILES = Path(__file__).resolve().parent / "machine_files"
ANDROID_TOOLS = FILES.parent / "phone_files/system/bin"
PROGRAMS = ("clang", "ld.lld", "mke2fs", "modprobe", "depmod", "cpio", "gzip", "ssh-keygen", "ldconfig")
PARTS = {
    "kind": "machine",
    "machine": {"kernel": "kernel", "initrd": "initrd", "disk": "disk.raw"},
    "adb": {"port": 5555},
    "ssh": {"port": 22, "user": "shell", "key": "user_key", "known_hosts": "known_hosts"},
}
DESCRIPTION = "an arm64 Debian 12 with its own kernel: ssh and adbd"
KERNEL = "linux-image-cloud-arm64"
PACKAGES = (
    *("busybox-static", "coreutils", "dash", "grep", "sed", "procps", "util-linux", "mount", "libc-bin"),
    *("openssh-server", "openssh-sftp-server", "libstdc++6", "zlib1g"),
)
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4")
DISK_MIB = 2560
SHELL_ID = 2000
MERGED = ("bin", "sbin", "lib")

PASSWD = f"""\
root:x:0:0:root:/root:/bin/sh
shell:x:{SHELL_ID}:{SHELL_ID}::/home/shell:/bin/sh
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534::/:/usr/sbin/nologin
"""
SHADOW = "".join(f"{line.split(':')[0]}:*:19000:0:99999:7:::\n" for line in PASSWD.splitlines())
GROUP = f"root:x:0:\nshell:x:{SHELL_ID}:\nnogroup:x:65534:\n"
PROPERTIES = "service.adb.listen_addrs=tcp:5555\nro.product.model=Lab machine (emulated)\nro.serialno=lab-machine\n"


def build(debian: Debian, source: Path, adbd_version: str, work: Path, out: Path, progress: Progress) -> dict[str, str]:
    """Put kernel, initrd, disk.raw and the keys for ssh into the folder `out`; return versions of what is in it."""
    root, kernel = work / "machine", work / "machine-kernel"
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    with progress.phase("unpack Debian for arm64"):
        versions = {**debian.unpack(root, "arm64", PACKAGES), **debian.unpack(kernel, "arm64", [KERNEL])}
    (root / "system/bin").mkdir(parents=True)
    adbd.build(debian, source, adbd_version, "arm64", work / "adbd-machine", progress)
    shutil.copy(work / "adbd-machine", root / "system/bin/adbd")
    with progress.phase("make the initramfs and the disk"):
        _put_kernel(kernel, root, work / "initramfs", out)
        _put_files(root)
        _put_keys(root, out)
        _make_disk(root, out / "disk.raw")
    return {"adbd": adbd_version, "kernel": versions[KERNEL], "openssh": versions["openssh-server"]}


def _put_kernel(unpacked: Path, root: Path, tree: Path, out: Path) -> None:
    (release,) = (path.name for path in (unpacked / "lib/modules").iterdir())
    shutil.copy(unpacked / f"boot/vmlinuz-{release}", out / "kernel")
    for folder in ("bin", "dev", "proc", "sys", "root", "modules"):
        (tree / folder).mkdir(parents=True)
    order = _modules(unpacked, release)
    for path in order:
        shutil.copy(path, tree / "modules" / path.name)
    (tree / "modules/order").write_text("".join(f"{path.name}\n" for path in order))
    shutil.copy(root / "bin/busybox", tree / "bin/busybox")
    shutil.copy(FILES / "init", tree / "init")
    pack = 'set -o pipefail; cd "$1" && find . | cpio --create --format=newc --quiet --owner=0:0 | gzip -1 > "$2"'
    run(["bash", "-c", pack, "bash", str(tree), str(out / "initrd")], timeout_s=60, check=True)


def _modules(unpacked: Path, release: str) -> list[Path]:
    """Return the files of MODULES and of what they need, in the order in which they load."""
    run(["depmod", "-b", str(unpacked), release], timeout_s=120, check=True)
    found: dict[Path, None] = {}
    for module in MODULES:
        words = ["-d", str(unpacked), "-S", release, "--show-depends", module]
        said = run(["modprobe", *words], timeout_s=60, check=True).stdout
        found.update(dict.fromkeys(Path(path) for path in re.findall(r"^insmod (\S+)", said, re.MULTILINE)))
    return list(found)


def _put_files(root: Path) -> None:
    for folder in (
        "proc",
        "sys",
        "dev",
        "run",
        "tmp",
        "root",
        "home/shell",
        "data/local/tmp",
        "data/property",
        "etc/ssh",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in {"passwd": PASSWD, "shadow": SHADOW, "group": GROUP}.items():
        (root / "etc" / name).write_text(text)
    (root / "data/property/props").write_text(PROPERTIES)
    for name, folder in {"start": "etc", "inittab": "etc", "sshd_config": "etc/ssh"}.items():
        shutil.copy(FILES / name, root / folder / name)
    for name in ("getprop", "setprop"):
        shutil.copy(ANDROID_TOOLS / name, root / "usr/bin" / name)
    for name, target in {"sbin/init": "busybox", "sbin/reboot": "busybox", "system/bin/sh": "dash"}.items():
        _link(root / name, f"/usr/bin/{target}")
    if not (root / "bin/sh").exists():
        (root / "bin/sh").symlink_to("dash")
    for folder in ("home/shell", "data/local/tmp", "data/property", "data/property/props"):
        os.chown(root / folder, SHELL_ID, SHELL_ID)
    (root / "tmp").chmod(0o1777)
    run(["ldconfig", "-r", str(root)], timeout_s=60, check=True)


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _put_keys(root: Path, out: Path) -> None:
    """Make the machine's key and the user's; what `known_hosts` says holds for every port of this machine."""
    host = root / "etc/ssh/ssh_host_ed25519_key"
    for path in (host, out / "user_key"):
        path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)], timeout_s=60, check=True)
    shutil.move(out / "user_key.pub", root / "etc/ssh/authorized_keys")
    kind, key, *_ = host.with_suffix(".pub").read_text().split()
    (out / "known_hosts").write_text(f"[127.0.0.1]:* {kind} {key}\n")


def _make_disk(root: Path, disk: Path) -> None:
    options = ["-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-d", str(root)]
    run(["mke2fs", *options, str(disk), f"{DISK_MIB}M"], timeout_s=300, check=True)
