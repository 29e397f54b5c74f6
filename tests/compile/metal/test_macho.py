"""The linked library for a Mac, and the archive for an iPhone: good ones pass, and each planted fault is found."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.compile.link import linker
from lab.compile.metal.check import check_archive
from lab.compile.metal.macho import check_dylib
from lab.core.errors import CompileError
from tests.compile.metal.small import IOS, MAC, compiled, export


@pytest.fixture(scope="module")
def dylib(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(compiled(), MAC, tmp_path_factory.mktemp("mac") / "model.so")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(compiled(IOS), IOS, tmp_path_factory.mktemp("ios") / "model.so")


def functions(mtriple: str = MAC) -> tuple[str, ...]:
    return compiled(mtriple).seen.functions


def test_the_library_of_a_network_is_sound(dylib: Path) -> None:
    check_dylib(dylib, functions())


def test_it_says_nothing_of_where_it_was_linked(dylib: Path) -> None:
    assert str(dylib.parent).encode() not in dylib.read_bytes()


def test_a_missing_function_is_found(dylib: Path) -> None:
    with pytest.raises(CompileError, match="does not export __tvm_ffi_absent"):
        check_dylib(dylib, ("absent",))


def unsigned(data: bytes) -> bytes:
    """Turn the load command of the signature into one that means nothing."""
    return data.replace(struct.pack("<II", 0x1D, 16), struct.pack("<II", 0x2B, 16), 1)


def of_another_cpu(data: bytes) -> bytes:
    return data[:4] + struct.pack("<I", 0x01000007) + data[8:]


def a_program(data: bytes) -> bytes:
    return data[:12] + struct.pack("<I", 2) + data[16:]


def of_no_version(data: bytes) -> bytes:
    return data.replace(struct.pack("<IIII", 0x32, 32, 1, 11 << 16), struct.pack("<IIII", 0x32, 32, 1, 0), 1)


def of_another_platform(data: bytes) -> bytes:
    return data.replace(struct.pack("<IIII", 0x32, 32, 1, 11 << 16), struct.pack("<IIII", 0x32, 32, 2, 11 << 16), 1)


def with_a_tail(data: bytes) -> bytes:
    return data + b"more"


def needing_more(data: bytes) -> bytes:
    return data.replace(b"/usr/lib/libSystem.B.dylib", b"/opt/lib/libSomething.dyli", 1)


def renamed(data: bytes) -> bytes:
    return data.replace(b"@rpath/model.so", b"/elsewhere/x.so", 1)


def patched(data: bytes) -> bytes:
    """Another byte in the kernels' source."""
    return data.replace(b"kernel void", b"kernel Void", 1)


def of_no_digests(data: bytes) -> bytes:
    return data.replace(bytes.fromhex("fade0c02"), bytes.fromhex("fade0c03"))


def cut(data: bytes) -> bytes:
    return data[:1000]


def no_macho(data: bytes) -> bytes:
    return b"\x7fELF" + data[4:]


PLANTED: list[tuple[Callable[[bytes], bytes], str]] = [
    (unsigned, "not signed"),
    (of_another_cpu, "not 64-bit arm64"),
    (a_program, "no dynamic library"),
    (of_no_version, "oldest macOS"),
    (of_another_platform, "oldest macOS"),
    (with_a_tail, "appended after signing"),
    (needing_more, "needs /opt/lib/libSomething.dyli"),
    (renamed, "its own name is '/elsewhere/x.so'"),
    (patched, "changed after it was signed"),
    (of_no_digests, "signature can't be read: it has no code directory"),
    (cut, "model.so"),
    (no_macho, "not a Mach-O file"),
]


@pytest.mark.parametrize(("change", "said"), PLANTED, ids=[change.__name__ for change, _ in PLANTED])
def test_a_planted_fault_is_found(dylib: Path, tmp_path: Path, change: Callable[[bytes], bytes], said: str) -> None:
    path = tmp_path / "model.so"
    path.write_bytes(change(dylib.read_bytes()))
    with pytest.raises(CompileError, match=said):
        check_dylib(path, functions())


def test_a_function_that_nobody_has_is_found(tmp_path: Path) -> None:
    source, library = tmp_path / "x.c", tmp_path / "model.so"
    source.write_text(
        "int nobody_has_this(void); int TVMFFIThing(void); int f(void) { return nobody_has_this() + TVMFFIThing(); }"
    )
    linker(MAC)(str(library), [str(source)])
    with pytest.raises(CompileError) as caught:
        check_dylib(library, ())
    assert "symbol nobody_has_this is neither macOS's nor TVM's" in str(caught.value)
    assert "TVMFFIThing" not in str(caught.value)


def test_the_archive_of_a_network_is_sound(archive: Path) -> None:
    check_archive(archive, functions(IOS))


def test_an_archive_without_a_function_is_found(archive: Path) -> None:
    with pytest.raises(CompileError, match="no object has __tvm_ffi_absent"):
        check_archive(archive, ("absent",))


def test_objects_of_a_mac_are_no_archive_for_a_phone(archive: Path, dylib: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "model.so"
    subprocess.run([sys.executable, "-m", "ziglang", "ar", "rcs", str(mixed), str(dylib)], check=True)
    with pytest.raises(CompileError, match="it is no object but DYLIB"):
        check_archive(mixed, ())
    with pytest.raises(CompileError, match="not an archive"):
        check_archive(dylib, ())
