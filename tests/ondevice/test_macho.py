"""Mach-O files are looked at before they are sent to a Mac."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.ondevice.macho import check_macho, read_macho
from tests.ondevice.mach import EXECUTE, IOS, OBJECT, X86_64, macho


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "libx.dylib"
    path.write_bytes(data)
    return path


def test_a_library_tells_what_it_asks_for(tmp_path: Path) -> None:
    found = check_macho(written(tmp_path, macho()), "library")
    assert (found.kind, found.name, found.libraries) == (
        "library",
        "@rpath/libx.dylib",
        ("/usr/lib/libSystem.B.dylib",),
    )
    assert (found.rpaths, found.min_macos) == (("@loader_path",), "11.0")
    assert found.signature is not None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (macho(cpu=X86_64), "another processor"),
        (macho(cpu=0x81000007), "another processor"),
        (macho(kind=OBJECT), "another processor or kind"),
        (macho(kind=0xF0000000), "another processor or kind"),
        (macho(platform=0xF0000000), "not for macOS"),
        (macho(kind=EXECUTE), "is a Mach-O executable, wanted: library"),
        (macho(platform=IOS), "not for macOS"),
        (macho(signed=False), "code signature: there is none"),
        (macho()[:-1], "damaged: the code signature lies behind its end"),
        (macho()[:60], "damaged"),
        (b"\xca\xfe\xba\xbe" + bytes(60), "universal"),
        (b"\x7fELF" + bytes(60), "no 64-bit Mach-O"),
        (b"", "no 64-bit Mach-O"),
    ],
)
def test_what_a_mac_would_not_load_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(CompileError, match=said):
        check_macho(written(tmp_path, data), "library")


def test_a_page_that_was_changed_after_signing_is_found(tmp_path: Path) -> None:
    data = bytearray(macho(text=bytes(20_000)))
    check_macho(written(tmp_path, bytes(data)), "library")
    data[9_000] ^= 1
    with pytest.raises(CompileError, match="page 2 is another than was signed"):
        check_macho(written(tmp_path, bytes(data)), "library")


def test_every_byte_of_a_signature_is_right_or_found_out(tmp_path: Path) -> None:
    whole = macho()
    start, length = read_macho(written(tmp_path, whole)).signature or (0, 0)
    told_apart = 0
    for at in range(start, start + length):
        data = bytearray(whole)
        data[at] ^= 0xFF
        try:
            check_macho(written(tmp_path, bytes(data)), "library")
        except CompileError:
            told_apart += 1
    # Not looked at: count and lengths of blobs, version, flags, identifier, special slots, platform, what is spare.
    assert told_apart == length - 33


@pytest.mark.parametrize(
    ("at", "value"),
    [(36, 0), (36, 7), (36, 1 << 30), (16, 1000), (20, 1 << 30), (40, 3), (40, 1 << 20)],
    ids=["no size", "odd size", "endless", "many commands", "many bytes", "name before", "name behind"],
)
def test_a_damaged_header_is_an_error_and_no_crash(tmp_path: Path, at: int, value: int) -> None:
    data = bytearray(macho())
    data[at : at + 4] = value.to_bytes(4, "little")
    with pytest.raises(CompileError):
        read_macho(written(tmp_path, bytes(data)))


def test_every_length_is_an_answer_or_an_error(tmp_path: Path) -> None:
    whole = macho()
    for length in range(len(whole)):
        with pytest.raises(CompileError):
            check_macho(written(tmp_path, whole[:length]), "library")
