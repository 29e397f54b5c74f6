"""Android's adbd, out of the source package that Debian's `adb` is made of: one static program, for any architecture.

It is AOSP's own daemon of about 2020, with three files of adbd_shim/ for what only Android has. clang compiles it; gcc
does not know its thread annotations.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.core.errors import LabError
from lab.core.proc import run
from lab.core.progress import Progress
from lab.devices.qemu.recipes.debian import Debian

SOURCE_PACKAGE = "android-platform-tools"
HEADERS = ("libc6-dev", "linux-libc-dev", "libgcc-12-dev", "libstdc++-12-dev", "libssl-dev", "libcap-dev")
TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
SHIM = Path(__file__).resolve().parent / "adbd_shim"
COMPILE_S = 300.0

CORE = "system/core"
AUTH = "frameworks/native/libs/adbd_auth"
# fmt: off
INCLUDES = (
    f"{CORE}/adb", f"{CORE}/adb/daemon/include", f"{CORE}/adb/adbconnection/include", f"{CORE}/base/include",
    f"{CORE}/libcutils/include", f"{CORE}/liblog/include", f"{CORE}/include", f"{CORE}/diagnose_usb/include",
    f"{CORE}/libcrypto_utils/include", f"{CORE}/libasyncio/include", f"{AUTH}/include",
)
SOURCES: dict[str, tuple[str, ...]] = {
    f"{CORE}/adb": (
        "adb", "adb_io", "adb_listeners", "adb_trace", "adb_unique_fd", "adb_utils", "services",
        "shell_service_protocol", "socket_spec", "sockets", "sysdeps_unix", "transport", "transport_fd",
        "transport_local", "transport_usb", "types",
        "adbconnection/adbconnection_server", "daemon/auth", "daemon/file_sync_service", "daemon/jdwp_service",
        "daemon/main", "daemon/services", "daemon/shell_service", "daemon/usb_dummy", "fdevent/fdevent",
        "fdevent/fdevent_epoll", "fdevent/fdevent_poll", "sysdeps/errno", "sysdeps/posix/network",
    ),
    f"{CORE}/diagnose_usb": ("diagnose_usb",),
    f"{CORE}/libasyncio": ("AsyncIO",),
    AUTH: ("adbd_auth",),
    f"{CORE}/base": (
        "abi_compatibility", "chrono_utils", "cmsg", "errors_unix", "file", "liblog_symbols", "logging", "mapped_file",
        "parsebool", "parsenetaddress", "process", "stringprintf", "strings", "threads",
    ),
    f"{CORE}/libcutils": (
        "socket_inaddr_any_server_unix", "socket_local_client_unix", "socket_local_server_unix",
        "socket_network_client_unix", "sockets", "sockets_unix", "threads", "trace-host",
    ),
    f"{CORE}/liblog": (
        "event_tag_map", "log_event_list", "log_event_write", "log_time", "logger_name", "logger_read", "logger_write",
        "logprint", "properties",
    ),
}
FLAGS = (
    "-O1", "-w", "-DNDEBUG", "-fno-exceptions", "-fno-strict-aliasing", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
    "-DADB_HOST=0", "-DALLOW_ADBD_ROOT=1", "-DALLOW_ADBD_NO_AUTH=1",
)
# fmt: on
LIBRARIES = ("-l:libcrypto.a", "-lpthread", "-lresolv", "-lutil", "-ldl")
CXX = ("-std=gnu++2a", "-include", str(SHIM / "first.h"))

# After a listen that succeeded, errno may still hold an older failure, which would end the listening thread.
LISTENER = f"{CORE}/adb/transport_local.cpp"
LISTENER_TEST = "if (errno == EAFNOSUPPORT || errno == EINVAL || errno == EPROTONOSUPPORT)"
LISTENER_FIX = "if (serverfd < 0 && (errno == EAFNOSUPPORT || errno == EINVAL || errno == EPROTONOSUPPORT))"


def fetch_source(debian: Debian, into: Path) -> str:
    """Unpack and mend adbd's source as the folder `into`; return its version."""
    version = debian.source(SOURCE_PACKAGE, into)
    text = (into / LISTENER).read_text("utf-8")
    if text.count(LISTENER_TEST) != 1:
        raise LabError(f"{SOURCE_PACKAGE} {version}: {LISTENER} is not the file that is known here")
    (into / LISTENER).write_text(text.replace(LISTENER_TEST, LISTENER_FIX), "utf-8")
    return version


def build(debian: Debian, source: Path, version: str, arch: str, out: Path, progress: Progress) -> None:
    """Compile adbd of `source` for the Debian architecture `arch` as the file `out`."""
    work = out.with_name(f"{out.name}-{arch}-build")
    (work / "objects").mkdir(parents=True)
    with progress.phase(f"fetch headers for {arch}"):
        debian.unpack(work / "sysroot", arch, HEADERS, dependencies=False)
    target = [f"--target={TRIPLES[arch]}", f"--sysroot={work / 'sysroot'}"]
    flags = [*target, *FLAGS, *_versions(version), *(f"-I{source / folder}" for folder in INCLUDES)]
    jobs = [_job(path, flags, work / "objects" / f"{i}.o") for i, path in enumerate(_files(source))]
    compiling = progress.phase(f"compile adbd for {arch}", len(jobs), "files")
    with compiling as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(_compile, jobs):
            advance(1)
    objects = [job[-1] for job in jobs]
    _compile(["clang++", *target, "-static", "-s", "-fuse-ld=lld", *objects, *LIBRARIES, "-o", str(out)])


def _versions(version: str) -> list[str]:
    return [f'-DPLATFORM_TOOLS_VERSION="{version.split("-")[0]}"', f'-DADB_VERSION="{version}"']


def _files(source: Path) -> list[Path]:
    theirs = [source / folder / f"{name}.cpp" for folder, names in SOURCES.items() for name in names]
    return [*theirs, SHIM / "properties.cc", SHIM / "pubkey.c"]


def _job(path: Path, flags: Sequence[str], out: Path) -> list[str]:
    compiler = ["clang"] if path.suffix == ".c" else ["clang++", *CXX]
    return [*compiler, *flags, "-c", str(path), "-o", str(out)]


def _compile(argv: list[str]) -> None:
    run(argv, timeout_s=COMPILE_S, check=True)
