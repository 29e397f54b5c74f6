"""Archives, libraries and manifests with anything in them: read or refused by name, nothing left behind."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.core.errors import CompileError, LabError
from lab.ondevice.android.tvm_source import unpack
from lab.ondevice.device_wheels import extract
from lab.ondevice.elf import arch_of, check_elf, read_dynamic
from lab.ondevice.verify_folder import published, read_published

CASES = Path("tests/cases/security")
MEMBER = "tvm/lib/libtvm_runtime.so"
BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Where to write, and what: a few bytes of damage.
DAMAGE = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4
)


def damaged(data: bytes, damage: list[tuple[float, bytes]]) -> bytes:
    out = bytearray(data)
    for place, new in damage:
        at = int(place * len(out))
        out[at : at + len(new)] = new
    return bytes(out)


def wheel() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, b"\x7fELF" * 50)
        archive.writestr("tvm/x.py", b"x" * 100)
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("tvm/include/tvm/a.h", "tvm/src/runtime/b.cc", "tvm/src/support/c.h"):
            info = tarfile.TarInfo(name)
            info.size = 20
            tar.addfile(info, io.BytesIO(b"x" * 20))
    return out.getvalue()


def elf(dynamic: list[tuple[int, int]], more: Sequence[int] = ()) -> bytes:
    """Return a small library with that dynamic section, and empty segments of those further kinds."""
    strings = b"\0libx.so\0liby.so\0"
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, 2 + len(more), 0, 0, 0)
    )
    entries = b"".join(struct.pack("<qQ", *one) for one in [*dynamic, (0, 0)])
    start = 64 + (2 + len(more)) * 56
    size_bytes = start + len(strings) + len(entries)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size_bytes, 4096, 16384)
    table = struct.pack("<IIQQQQQQ", 2, 6, start + len(strings), 0, 0, len(entries), 0, 8)
    others = b"".join(struct.pack("<IIQQQQQQ", kind, 0, 0, 0, 0, 0, 0, 0) for kind in more)
    return header + load + table + others + strings + entries


SOUND = elf([(5, 176), (14, 1), (1, 9)])


def test_a_sound_library_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(SOUND)
    check_elf(path, "aarch64")
    found = read_dynamic(path)
    assert (found.soname, found.needed, found.page_bytes) == ("libx.so", ("liby.so",), 16384)


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**40])
@pytest.mark.parametrize("at", [32, 64 + 8, 64 + 56 + 8, 64 + 56 + 32, 64 + 56 * 2 + 17 + 8])
def test_places_outside_a_library_are_damage(tmp_path: Path, value: int, at: int) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(SOUND[:at] + struct.pack("<Q", value) + SOUND[at + 8 :])
    with pytest.raises(CompileError, match=r"x.so: damaged ELF file"):
        read_dynamic(path)
    path.write_bytes(SOUND[:32] + struct.pack("<Q", 2**63 + value % 7) + SOUND[40:])
    with pytest.raises(CompileError, match=r"x.so: damaged ELF file"):
        read_dynamic(path)


def test_a_library_that_is_cut_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.so"
    for length in range(len(SOUND)):
        path.write_bytes(SOUND[:length])
        with pytest.raises(CompileError, match=r"x.so: damaged ELF file"):
            read_dynamic(path)
        assert arch_of(path) == ("aarch64" if length >= 64 else None)


@pytest.mark.parametrize("dynamic", [[(5, 2000), (1, 9)], [(5, 176), (1, 500)], [(1, 9)]])
def test_names_outside_of_a_library_are_damage(tmp_path: Path, dynamic: list[tuple[int, int]]) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(elf(dynamic))
    with pytest.raises(
        CompileError, match=r"x.so: damaged ELF file: (a name lies outside|its dynamic section has no end)"
    ):
        read_dynamic(path)


def test_kinds_that_no_list_has_are_no_damage_and_not_talked_of(tmp_path: Path) -> None:
    """A newer linker's; pytest makes an error of every warning."""
    data = elf([(5, 176 + 56), (0x6ABC1234, 1), (14, 1), (1, 9)], more=[0x6ABC1234])
    (tmp_path / "x.so").write_bytes(data)
    assert read_dynamic(tmp_path / "x.so").soname == "libx.so"
    (tmp_path / "y.so").write_bytes(data[:18] + b"\xfe\xfe" + data[20:])
    assert arch_of(tmp_path / "y.so") is None


@BOUNDED
@given(damage=DAMAGE)
def test_any_damage_to_a_library_is_told(tmp_path: Path, damage: list[tuple[float, bytes]]) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(damaged(SOUND, damage))
    with suppress(CompileError):
        read_dynamic(path)


def test_a_damaged_directory_of_a_wheel_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out.so"
    with pytest.raises(CompileError, match=r"damaged-directory.whl: damaged"):
        extract(CASES / "damaged-directory.whl", MEMBER, out)
    assert not out.exists()


@BOUNDED
@given(damage=DAMAGE, cut=st.floats(0, 1))
def test_any_damage_to_a_wheel_is_told(tmp_path: Path, damage: list[tuple[float, bytes]], cut: float) -> None:
    path, out = tmp_path / "x.whl", tmp_path / "out.so"
    data = damaged(wheel(), damage)
    path.write_bytes(data[: int(len(data) * max(cut, 0.5))])
    out.unlink(missing_ok=True)
    try:
        extract(path, MEMBER, out)
    except CompileError:
        assert not out.exists()


def test_a_file_and_a_folder_of_one_name_are_told(tmp_path: Path) -> None:
    with (
        (CASES / "tvm-file-and-folder.tar.gz").open("rb") as file,
        pytest.raises(CompileError, match=r"^x: no archive"),
    ):
        unpack(file, "x", tmp_path)


@pytest.mark.parametrize("size", [-512, 2**62, 2**40])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_sizes_that_no_archive_has_are_told_at_once(tmp_path: Path, size: int, kind: bytes) -> None:
    info = tarfile.TarInfo("tvm/include/tvm/a.h")
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = (b"\x80" if size > 0 else b"\xff") + size.to_bytes(11, "big", signed=True)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(CompileError):
        unpack(io.BytesIO(bytes(block) + bytes(1024)), "x", tmp_path)


@BOUNDED
@given(damage=DAMAGE, plain=st.booleans())
def test_any_damage_to_an_archive_is_told(tmp_path: Path, damage: list[tuple[float, bytes]], plain: bool) -> None:
    import gzip

    data = damaged(gzip.decompress(archive()), damage) if plain else damaged(archive(), damage)
    folder = tmp_path / "into"
    folder.mkdir(exist_ok=True)
    with suppress(CompileError):
        unpack(io.BytesIO(data), "x", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["into"]


MANIFESTS = [
    (CASES / "runner-manifest-without-key.json").read_text(),
    "[]",
    "5",
    '"file"',
    "null",
    "[" * 1000,
    '{"files": 5}',
    '{"file": {"name": "a\\u0000b", "size": 1, "sha256": "x"}}',
    json.dumps({"schema": 1, "kind": "x", "key": "ab" * 32, "file": {"name": "../x", "size": 1, "sha256": "ab" * 32}}),
    json.dumps({"schema": 1, "kind": "x", "key": "ab" * 32, "file": {"name": "a\0b", "size": 1, "sha256": "ab" * 32}}),
]


@pytest.mark.parametrize("text", MANIFESTS)
def test_a_manifest_that_is_none_means_to_build_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    (tmp_path / "lab-bench").write_bytes(b"abc")
    assert published(tmp_path) == ()
    with pytest.raises(LabError, match=r"manifest.json"):
        read_published(tmp_path)
