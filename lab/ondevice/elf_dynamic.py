"""What an ELF file asks of whoever loads it: its own name, the libraries it needs, the pages it is laid out for."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import CompileError

_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB, _SONAME = 1, 5, 14
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")
MAX_SEGMENTS, MAX_ENTRIES, MAX_NAME_BYTES = 256, 10_000, 4096  # a library has about ten, thirty, and thirty


@dataclass(frozen=True)
class Dynamic:
    """`soname` is empty where there is none; `page_bytes` is the largest page it can be loaded with."""

    soname: str
    needed: tuple[str, ...]
    page_bytes: int


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int
    align: int


def read_dynamic(path: Path) -> Dynamic:
    """Read a 64-bit little-endian ELF file (`check_elf` says whether it is one); CompileError for a damaged one."""
    data = path.read_bytes()
    try:
        segments = list(_segments(data))
        entries = [entry for segment in segments if segment.kind == _DYNAMIC for entry in _entries(data, segment)]
        table = next((_offset(segments, value) for tag, value in entries if tag == _STRTAB), 0)
        names = [(tag, _text(data, table + value)) for tag, value in entries if tag in (_NEEDED, _SONAME)]
    except (struct.error, ValueError, OverflowError) as problem:
        raise CompileError(f"{path}: damaged ELF file: {problem}") from problem
    return Dynamic(
        soname=next((name for tag, name in names if tag == _SONAME), ""),
        needed=tuple(name for tag, name in names if tag == _NEEDED),
        page_bytes=min((segment.align for segment in segments if segment.kind == _LOAD), default=0),
    )


def read_interpreter(path: Path) -> str:
    """Return the loader that the kernel starts an ELF program with; empty for a static one, or no ELF program."""
    data = path.read_bytes()
    try:
        wanted = (segment for segment in _segments(data) if segment.kind == _INTERP)
        return next((_text(data, segment.offset) for segment in wanted), "")
    except (struct.error, ValueError):
        return ""


def _segments(data: bytes) -> Iterator[_Segment]:
    fields = _HEADER.unpack_from(data)
    start, size, count = fields[4], fields[8], fields[9]
    if count > MAX_SEGMENTS:
        raise ValueError(f"{count} segments")
    for i in range(count):
        kind, _, offset, address, _, size_bytes, _, align = _SEGMENT.unpack_from(data, start + i * size)
        yield _Segment(kind, offset, address, size_bytes, align)


def _entries(data: bytes, segment: _Segment) -> Iterator[tuple[int, int]]:
    if segment.size > MAX_ENTRIES * _ENTRY.size:
        raise ValueError(f"a dynamic section of {segment.size} bytes")
    for at in range(segment.offset, segment.offset + segment.size, _ENTRY.size):
        tag, value = _ENTRY.unpack_from(data, at)
        if tag == 0:
            return
        yield tag, value


def _offset(segments: list[_Segment], address: int) -> int:
    """Return where in the file an address of the loaded library lies."""
    for segment in segments:
        if segment.kind == _LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise ValueError(f"no segment has address {address:#x}")


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at, at + MAX_NAME_BYTES)].decode("utf-8", "replace")
