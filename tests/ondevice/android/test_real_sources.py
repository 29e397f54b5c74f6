"""Our own sources and tvm_ffi's, with the stand-in for the NDK: none needs glibc, or more than Android 9 has."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.proc import run
from lab.ondevice.android import build
from lab.ondevice.android.ndk import find_ndk
from lab.ondevice.android.parts import BINARY, Part, parts
from lab.ondevice.elf import read_dynamic
from lab.ondevice.wheels import FFI_NAME, find_wheels
from tests.ondevice.android.planted import CARRIED, HEADERS, SHOWN, write

pytestmark = pytest.mark.slow

# Functions of other C libraries that bionic has not, or has only since a later Android than 9 (its libc.map.txt).
NOT_IN_ANDROID_9 = {
    *("aio_read", "call_once", "confstr", "copy_file_range", "explicit_bzero", "ffsll", "fopencookie"),
    *("get_current_dir_name", "getdents", "getdtablesize", "gethostid", "getloadavg", "memfd_create", "mlock2"),
    *("mtx_lock", "preadv2", "pthread_cancel", "pthread_getaffinity_np", "pthread_mutex_consistent"),
    *("pthread_mutexattr_setrobust", "pthread_setaffinity_np", "pwritev2", "qsort_r", "reallocarray"),
    *("secure_getenv", "shm_open", "shm_unlink", "statx", "strverscmp", "thrd_create", "timespec_get", "tss_create"),
    *("valloc", "versionsort", "wait3", "wordexp", "backtrace", "backtrace_symbols"),
}


def asked_for(path: Path) -> set[str]:
    """Return which of these functions the file wants from a library."""
    said = run(["nm", "--dynamic", "--undefined-only", str(path)], timeout_s=60, check=True).stdout
    names = {line.split()[-1] for line in said.splitlines()}
    assert names
    return names & NOT_IN_ANDROID_9


def test_the_runner_and_tvm_ffi_are_built_without_glibc(ndk: Path, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {**CARRIED, **HEADERS})
    made = [part for part in parts(tree, find_wheels()) if part.name in (FFI_NAME, BINARY)]
    for part in made:
        build._compile(part, find_ndk(), tmp_path)
        assert asked_for(tmp_path / part.name) == set()
        assert read_dynamic(tmp_path / part.name).page_bytes == 16384
    assert set(read_dynamic(tmp_path / BINARY).needed) == {FFI_NAME, "libc.so"}


def test_a_function_that_android_9_lacks_is_seen(ndk: Path, tmp_path: Path) -> None:
    source = write(
        tmp_path, {"odd.cc": f"#include <stdlib.h>\n{SHOWN} int odd(double* x) {{ return getloadavg(x, 1); }}\n"}
    )
    odd = Part("libodd.so", (source / "odd.cc",), ())
    build._compile(odd, find_ndk(), tmp_path)
    assert asked_for(tmp_path / odd.name) == {"getloadavg"}
