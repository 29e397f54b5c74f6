"""TVM's libraries for another processor: out of wheels in a folder, checked, kept; never half there."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.core.progress import NullProgress
from lab.ondevice import device_wheels
from lab.ondevice.device_wheels import MAC_FFI, MAC_MEMBERS, MAC_METAL, MAC_RUNTIME, MEMBERS
from lab.ondevice.pip import find_wheel
from lab.ondevice.wheels import FFI_NAME, RUNTIME_NAME, Wheels, find_wheels
from tests.ondevice.conftest import there
from tests.ondevice.mach import X86_64, macho

ARM, X86 = 183, 62  # e_machine of ELF
TAGS = "manylinux_2_27_aarch64.manylinux_2_28_aarch64"
MAC_TAGS = "macosx_11_0_arm64"


def elf(machine: int, text: bytes = b"") -> bytes:
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little")
    return header + text + os.urandom(5000)


def put(folder: Path, library: str, data: bytes, *, member: str | None = None, tags: str = TAGS) -> Path:
    """Write the wheel that should have `library`, with `data` as its content."""
    own = find_wheels()
    name, version = ("apache_tvm_ffi", own.ffi_version) if library == FFI_NAME else ("apache_tvm", own.tvm_version)
    path = folder / f"{name}-{version}-py3-none-{tags}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member or MEMBERS[library], data)
    return path


@pytest.fixture
def mac_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with the wheels for a Mac."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    put_mac(folder)
    monkeypatch.setenv("LAB_DEVICE_WHEELS", str(folder))
    return folder


def put_mac(folder: Path, *, tags: str = MAC_TAGS, metal: bytes | None = None) -> None:
    own = find_wheels()
    libraries = {member: macho(text=os.urandom(5000)) for member in MAC_MEMBERS.values()}
    if metal is not None:
        libraries[MAC_MEMBERS[MAC_METAL]] = metal
    for package, version in (("tvm_ffi", own.ffi_version), ("tvm", own.tvm_version)):
        with zipfile.ZipFile(folder / f"apache_{package}-{version}-py3-none-{tags}.whl", "w") as archive:
            for member, data in libraries.items():
                if member.startswith(f"{package}/"):
                    archive.writestr(member, data)


def fetch_mac(tmp_path: Path) -> Wheels:
    compiled = tmp_path / "compiled"
    return device_wheels.device_wheels(find_wheels(), "aarch64", compiled, NullProgress(), system="macos")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that LAB_DEVICE_WHEELS names, with both wheels in it."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for library in MEMBERS:
        put(folder, library, elf(ARM, library.encode()))
    monkeypatch.setenv("LAB_DEVICE_WHEELS", str(folder))
    return folder


def fetch(tmp_path: Path) -> Wheels:
    return device_wheels.device_wheels(find_wheels(), "aarch64", tmp_path / "compiled", NullProgress())


def left(tmp_path: Path) -> list[str]:
    shelf = tmp_path / "compiled" / "runtime"
    return [path.name for path in shelf.iterdir()] if shelf.exists() else []


def refused(tmp_path: Path) -> CompileError:
    with pytest.raises(CompileError) as caught:
        fetch(tmp_path)
    assert left(tmp_path) == []
    return caught.value


def test_both_libraries_are_kept_with_their_digests(wheels: Path, tmp_path: Path) -> None:
    found = fetch(tmp_path)
    assert FFI_NAME.encode() in found.ffi.read_bytes()
    assert RUNTIME_NAME.encode() in found.runtime.read_bytes()
    assert found.include == find_wheels().include
    folder = found.ffi.parent
    assert folder.name.startswith("linux-aarch64--")
    assert sorted(path.name for path in folder.iterdir()) == [FFI_NAME, RUNTIME_NAME, "manifest.json"]
    files = {file["name"]: file for file in json.loads((folder / "manifest.json").read_text())["files"]}
    assert files[FFI_NAME]["size"] == found.ffi.stat().st_size
    assert len(files[RUNTIME_NAME]["sha256"]) == 64


def test_the_wheels_are_needed_once(wheels: Path, tmp_path: Path) -> None:
    first = fetch(tmp_path)
    for path in wheels.iterdir():
        path.unlink()
    assert fetch(tmp_path) == first


def test_a_changed_library_is_fetched_again(wheels: Path, tmp_path: Path) -> None:
    first = fetch(tmp_path)
    whole = first.runtime.read_bytes()
    first.runtime.write_bytes(whole[:-1] + b"x")
    assert fetch(tmp_path).runtime.read_bytes() == whole


@pytest.mark.parametrize("library", MEMBERS)
def test_a_missing_wheel_is_named_with_the_way_to_fetch_it(wheels: Path, tmp_path: Path, library: str) -> None:
    put(wheels, library, b"").unlink()
    problem = refused(tmp_path)
    assert f"{wheels}: has no wheel of apache-tvm" in problem.what
    assert "pip download" in there(problem.hint)
    assert "manylinux_2_28_aarch64" in there(problem.hint)
    assert "LAB_DEVICE_WHEELS=DIR" in there(problem.hint)


@pytest.mark.parametrize("tags", ["manylinux_2_28_x86_64", "macosx_11_0_arm64", "any", "musllinux_1_2_aarch64"])
def test_a_wheel_for_another_platform_is_none(wheels: Path, tmp_path: Path, tags: str) -> None:
    put(wheels, FFI_NAME, b"").unlink()
    put(wheels, FFI_NAME, elf(ARM), tags=tags)
    assert "has no wheel of apache-tvm-ffi" in refused(tmp_path).what


def test_another_version_is_none(tmp_path: Path) -> None:
    (tmp_path / f"apache_tvm-1.0-py3-none-{TAGS}.whl").touch()
    with pytest.raises(CompileError, match=r"no wheel of apache-tvm 1\.0\.1 for aarch64"):
        find_wheel(tmp_path, "apache-tvm", "1.0.1", "aarch64")
    assert find_wheel(tmp_path, "apache-tvm", "1.0", "aarch64").name.startswith("apache_tvm-1.0-")


@pytest.mark.parametrize("member", ["../../{}", "/{}", "x/../{}", "./{}"])
def test_no_name_out_of_a_wheel_becomes_a_path(wheels: Path, tmp_path: Path, member: str) -> None:
    put(wheels, RUNTIME_NAME, elf(ARM), member=member.format(MEMBERS[RUNTIME_NAME]))
    assert f"has no {MEMBERS[RUNTIME_NAME]}" in refused(tmp_path).what
    assert not list(tmp_path.rglob("*.so"))


def test_a_flipped_bit_is_found(wheels: Path, tmp_path: Path) -> None:
    path = put(wheels, RUNTIME_NAME, elf(ARM))
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    assert f"{path}: damaged" in refused(tmp_path).what


@pytest.mark.parametrize("size", [0, 100, 3000])
def test_a_wheel_that_was_cut_short_is_found(wheels: Path, tmp_path: Path, size: int) -> None:
    path = put(wheels, RUNTIME_NAME, elf(ARM))
    os.truncate(path, size)
    assert f"{path}: damaged" in refused(tmp_path).what


def test_a_library_that_would_fill_the_disk_is_not_written(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_wheels, "MAX_BYTES", 4000)
    assert "has 50" in (what := refused(tmp_path).what)
    assert "at most 4000 are believed" in what


@pytest.mark.parametrize(("data", "said"), [(elf(X86), "is for x86_64"), (b"#!/bin/sh\n", "no 64-bit ELF file")])
def test_a_library_of_another_processor_is_refused(wheels: Path, tmp_path: Path, data: bytes, said: str) -> None:
    put(wheels, FFI_NAME, data)
    problem = refused(tmp_path)
    assert f"{said}" in problem.what
    assert "wanted aarch64" in problem.what


def test_without_a_network_the_hint_says_how_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_DEVICE_WHEELS", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    problem = refused(tmp_path)
    assert "TVM's libraries for aarch64 could not be fetched (exit code 1): ERROR: No matching" in problem.what
    assert "LAB_DEVICE_WHEELS=DIR" in there(problem.hint)


def test_a_mac_gets_three_libraries(mac_wheels: Path, tmp_path: Path) -> None:
    found = fetch_mac(tmp_path)
    folder = found.ffi.parent
    assert folder.name.startswith("macos-arm64--")
    assert (found.ffi.name, found.runtime.name, there(found.metal).name) == (MAC_FFI, MAC_RUNTIME, MAC_METAL)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*MAC_MEMBERS, "manifest.json"])
    for path in mac_wheels.iterdir():
        path.unlink()
    assert fetch_mac(tmp_path) == found


@pytest.mark.parametrize("tags", ["macosx_11_0_x86_64", "manylinux_2_28_aarch64", "iphoneos_13_0_arm64", "any"])
def test_a_mac_takes_no_wheel_of_another_platform(mac_wheels: Path, tmp_path: Path, tags: str) -> None:
    for path in mac_wheels.iterdir():
        path.unlink()
    put_mac(mac_wheels, tags=tags)
    with pytest.raises(CompileError, match="has no wheel of apache-tvm-ffi") as caught:
        fetch_mac(tmp_path)
    assert "--platform macosx_11_0_arm64" in there(caught.value.hint)


@pytest.mark.parametrize("metal", [macho(cpu=X86_64), macho(signed=False), b"no library", elf(ARM)])
def test_a_library_that_a_mac_cannot_load_is_refused(mac_wheels: Path, tmp_path: Path, metal: bytes) -> None:
    put_mac(mac_wheels, metal=metal)
    with pytest.raises(CompileError, match=r"libtvm_runtime_metal\.dylib: "):
        fetch_mac(tmp_path)
    assert left(tmp_path) == []
