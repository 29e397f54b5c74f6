"""Mach-O files for tests: small ones made by hand, and the symbols of real ones."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

ARM64, X86_64 = 0x0100000C, 0x01000007
EXECUTE, DYLIB, OBJECT = 2, 6, 1
PAGE_BYTES = 4096
MACOS, IOS = 1, 2


def macho(
    *, cpu: int = ARM64, kind: int = DYLIB, platform: int = MACOS, signed: bool = True, text: bytes = b""
) -> bytes:
    """Return a Mach-O file that loads libSystem and says no more than it must."""
    commands = [_named(0x0D, b"@rpath/libx.dylib"), _named(0x0C, b"/usr/lib/libSystem.B.dylib")]
    commands += [struct.pack("<III", 0x8000001C, 32, 12) + b"@loader_path".ljust(20, b"\0")]
    commands += [struct.pack("<6I", 0x32, 24, platform, 11 << 16, 27 << 16, 0)]
    code_bytes = 32 + sum(map(len, commands)) + 16 * signed + len(text)
    signature_bytes = 20 + 44 + 32 * -(-code_bytes // PAGE_BYTES)
    commands += [struct.pack("<IIII", 0x1D, 16, code_bytes, signature_bytes)] if signed else []
    body = b"".join(commands)
    header = struct.pack("<8I", 0xFEEDFACF, cpu, 0, kind, len(commands), len(body), 0, 0)
    code = header + body + text
    return code + _signature(code) if signed else code


def _signature(code: bytes) -> bytes:
    """Return what a linker appends: a hash of each page, and nobody's name."""
    pages = [hashlib.sha256(code[at : at + PAGE_BYTES]).digest() for at in range(0, len(code), PAGE_BYTES)]
    length = 44 + 32 * len(pages)
    super_blob = struct.pack(">5I", 0xFADE0CC0, 20 + length, 1, 0, 20)
    directory = struct.pack(
        ">9I4B", 0xFADE0C02, length, 0x20100, 0x20002, 44, 0, 0, len(pages), len(code), 32, 2, 0, 12
    )
    return super_blob + directory + bytes(4) + b"".join(pages)


def _named(command: int, name: bytes) -> bytes:
    padded = name + bytes(8 - len(name) % 8)
    return struct.pack("<6I", command, 24 + len(padded), 24, 0, 0, 0) + padded


def symbols(path: Path) -> tuple[set[str], set[str]]:
    """Return the names that a file asks of others, and those that it offers."""
    data = path.read_bytes()
    asked, offered = set(), set()
    at = 32
    for _ in range(int.from_bytes(data[16:20], "little")):
        command, size = struct.unpack_from("<II", data, at)
        if command == 2:  # LC_SYMTAB
            table, count, texts, _ = struct.unpack_from("<4I", data, at + 8)
            for i in range(count):
                name_at, kind = struct.unpack_from("<IB", data, table + 16 * i)
                if kind & 0xE0 or not kind & 1:  # a debugger's, or not seen outside
                    continue
                name = data[texts + name_at : data.index(b"\0", texts + name_at)].decode()
                (offered if kind & 0x0E else asked).add(name)
        at += size
    return asked, offered
