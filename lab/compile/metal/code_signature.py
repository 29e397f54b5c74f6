"""The ad-hoc signature of a Mach-O file: do the digests in it still fit the file's pages?

The kernel of an arm64 Mac ends a process that touches a page whose digest does not fit. Numbers are big-endian.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

_SUPER_BLOB, _CODE_DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_SHA256 = 2


@dataclass(frozen=True)
class CodeDirectory:
    """What is signed: the first `limit` bytes of the file, in pages of `page_bytes`, and the sha256 of each."""

    limit: int
    page_bytes: int
    digests: tuple[bytes, ...]


def page_faults(data: bytes, signature: bytes) -> list[str]:
    """Return what is wrong with `signature`, which is that of the file `data`, a sentence each."""
    try:
        directory = _directory(signature)
    except (struct.error, ValueError) as problem:
        return [f"its signature can't be read: {problem}"]
    signed = data[: directory.limit]
    pages = [signed[at : at + directory.page_bytes] for at in range(0, len(signed), directory.page_bytes)]
    if len(signed) < directory.limit or tuple(hashlib.sha256(page).digest() for page in pages) != directory.digests:
        return ["it was changed after it was signed, and a Mac would end the process: sign it again"]
    return []


def _directory(signature: bytes) -> CodeDirectory:
    magic, _, count = struct.unpack_from(">III", signature)
    if magic != _SUPER_BLOB:
        raise ValueError("it does not begin as one")
    for number in range(min(count, 64)):
        (offset,) = struct.unpack_from(">I", signature, 16 + 8 * number)
        if struct.unpack_from(">I", signature, offset)[0] == _CODE_DIRECTORY:
            return _read(signature[offset:])
    raise ValueError("it has no code directory")


def _read(blob: bytes) -> CodeDirectory:
    _, length, _, _, digests_at, _, _, count, limit = struct.unpack_from(">9I", blob)
    digest_bytes, kind, _, page_log2 = struct.unpack_from(">4B", blob, 36)
    if (digest_bytes, kind) != (32, _SHA256) or not 12 <= page_log2 <= 16 or length > len(blob):
        raise ValueError("its digests are not sha256 of pages")
    stored = blob[digests_at : digests_at + 32 * count]
    return CodeDirectory(limit, 1 << page_log2, tuple(stored[at : at + 32] for at in range(0, len(stored), 32)))
