"""The emulated phone: adbd, Android's shell and tools as arm64 programs, and files that a phone has.

Its system folders hold no C library: mksh is static, and toybox has a copy of its own far from where a loader looks.
So a program that needs the device's glibc fails here, as it fails on a phone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.core.proc import run
from lab.core.progress import Progress
from lab.devices.qemu.recipes import adbd
from lab.devices.qemu.recipes.debian import Debian

FILES = Path(__file__).resolve().parent / "phone_files"
PACKAGES = ("mksh", "toybox")
PROGRAMS = ("clang", "ld.lld", "patchelf", "qemu-aarch64-static")
PARTS = {"kind": "phone", "phone": {"root": "root.tar", "adbd": "system/bin/adbd"}, "adb": {"port": 0}}
DESCRIPTION = "a phone: Android's adbd, mksh and toybox, arm64 programs by qemu-user"
SHELL_ID = 2000

STATIC_SHELL = "usr/lib/aarch64-linux-musl/bin/mksh"
PRIVATE_LIBRARIES = "apex/lab.toybox/lib"
LOADER = "ld-linux-aarch64.so.1"
LIBRARIES = (LOADER, "libc.so.6", "libm.so.6", "libcrypt.so.1")
# Debian's toybox has these, a phone's has not; or the phone has its own (the scripts, the shell).
# fmt: off
NOT_ON_PHONES = frozenset((
    "count", "dmesg", "ftpget", "ftpput", "halt", "httpd", "init", "last", "login",
    "mkpasswd", "oneit", "openvt", "passwd", "poweroff", "sntp", "su", "switch_root", "wget",
))
# fmt: on
FOLDERS = ("system/bin", "system/etc", "vendor/bin", "data/property", "data/local/tmp", "data/misc/adb", "proc", "dev")
OF_THE_SHELL = ("data", "sys")
LINKS = {"bin": "system/bin", "etc": "system/etc", "sdcard": "data/local/tmp"}

PROPERTIES = {
    "ro.product.name": "labphone",
    "ro.product.model": "Lab Phone (emulated)",
    "ro.product.device": "labphone",
    "ro.product.manufacturer": "lab",
    "ro.product.brand": "lab",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.product.cpu.abilist": "arm64-v8a",
    "ro.build.version.release": "10",
    "ro.build.version.sdk": "29",
    "ro.build.fingerprint": "lab/labphone/labphone:10/LAB/1:userdebug/test-keys",
    "ro.build.type": "userdebug",
    "ro.board.platform": "qemu",
    "ro.hardware": "qemu",
    "ro.soc.model": "QEMU",
    "sys.boot_completed": "1",
}
IN_SYS = {
    "class/thermal/thermal_zone0/type": "cpu-1-0-usr",
    "class/thermal/thermal_zone0/temp": "38200",
    "class/thermal/thermal_zone1/type": "skin-therm",
    "class/thermal/thermal_zone1/temp": "33100",
    "class/kgsl/kgsl-3d0/gpu_model": "Adreno650v2",
    "class/kgsl/kgsl-3d0/gpubusy": " 3000  12000",
    "class/kgsl/kgsl-3d0/gpuclk": "587000000",
    "devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil",
    "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1804800",
    "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2841600",
    "kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
}


def build(debian: Debian, source: Path, adbd_version: str, work: Path, out: Path, progress: Progress) -> dict[str, str]:
    """Put root.tar into the folder `out`; return the versions of what is in it."""
    root, versions = make_root(debian, source, adbd_version, work / "phone", progress)
    pack(root, out)
    return versions


def make_root(
    debian: Debian, source: Path, adbd_version: str, work: Path, progress: Progress
) -> tuple[Path, dict[str, str]]:
    """Make the phone's files below `work`; return their root and the versions of what is in it."""
    root, unpacked = work / "root", work / f"{work.name}-packages"
    work.mkdir()
    with progress.phase("unpack mksh and toybox for arm64"):
        versions = debian.unpack(unpacked, "arm64", PACKAGES)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    _put_tools(unpacked, root)
    adbd.build(debian, source, adbd_version, "amd64", work / "adbd", progress)
    shutil.copy(work / "adbd", root / "system/bin/adbd")
    _put_files(root)
    return root, {"adbd": adbd_version, **{name: versions[name] for name in PACKAGES}}


def pack(root: Path, out: Path) -> None:
    """Put the files into `out`/root.tar."""
    run(["tar", "-C", str(root), "--numeric-owner", "-cf", str(out / "root.tar"), "."], timeout_s=120, check=True)


def _put_tools(unpacked: Path, root: Path) -> None:
    shutil.copy(unpacked / STATIC_SHELL, root / "system/bin/sh")
    toybox = next(path for path in (unpacked / "usr/bin/toybox", unpacked / "bin/toybox") if path.exists())
    names = run(["qemu-aarch64-static", "-L", str(unpacked), str(toybox)], timeout_s=60, check=True).stdout.split()
    for name in sorted(set(names) - NOT_ON_PHONES):
        (root / "system/bin" / name).symlink_to("toybox")
    shutil.copy(toybox, root / "system/bin/toybox")
    _give_libraries(unpacked, root)


def _give_libraries(unpacked: Path, root: Path) -> None:
    private = root / PRIVATE_LIBRARIES
    private.mkdir(parents=True)
    for library in LIBRARIES:
        shutil.copy(next(unpacked.glob(f"**/aarch64-linux-gnu/{library}")), private / library)
    # DT_RPATH, and not DT_RUNPATH, holds for the libraries of libraries too.
    words = [
        "--set-interpreter",
        f"/{PRIVATE_LIBRARIES}/{LOADER}",
        "--force-rpath",
        "--set-rpath",
        f"/{PRIVATE_LIBRARIES}",
    ]
    run(["patchelf", *words, str(root / "system/bin/toybox")], timeout_s=60, check=True)


def _put_files(root: Path) -> None:
    shutil.copytree(FILES, root, dirs_exist_ok=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    for name, text in IN_SYS.items():
        (root / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys" / name).write_text(text + "\n")
    (root / "data/property/props").write_text("".join(f"{name}={value}\n" for name, value in PROPERTIES.items()))
    (root / "system/etc/passwd").write_text(
        f"root:x:0:0::/:/system/bin/sh\nshell:x:{SHELL_ID}:{SHELL_ID}::/:/system/bin/sh\n"
    )
    (root / "system/etc/group").write_text(f"root:x:0:\nshell:x:{SHELL_ID}:\n")
    for folder in OF_THE_SHELL:
        _give_to_shell(root / folder)


def _give_to_shell(folder: Path) -> None:
    """Let a test change what stands for heat and charge, over adb."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SHELL_ID, SHELL_ID, follow_symlinks=False)
