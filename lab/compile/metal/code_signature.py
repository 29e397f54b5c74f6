"""The signature of a Mach-O file, as far as it needs no certificate: are its pages those that were signed?

macOS on arm64 ends a program at the first page whose digest is another. Numbers are big-endian.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

_SUPER_BLOB, _DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_DIRECTORY_SLOT = 0
_SHA256 = 2
_HEADER_BYTES = 44
_NO_DIRECTORY = "it has no code directory"


@dataclass(frozen=True)
class Signed:
    """What is signed: the first `code_bytes` bytes of the file, in pages of `page_bytes`, and the sha256 of each."""

    code_bytes: int
    page_bytes: int
    digests: tuple[bytes, ...]


def read_signature(blob: bytes) -> Signed:
    """Return what the signature `blob` covers; ValueError for one that is damaged, or has other digests."""
    at = _directory_at(blob)
    if len(blob) < at + _HEADER_BYTES or _word(blob, at) != _DIRECTORY:
        raise ValueError(_NO_DIRECTORY)
    digests_at, count, code_bytes = (_word(blob, at + offset) for offset in (16, 28, 32))
    digest_bytes, kind, page_log2 = blob[at + 36], blob[at + 37], blob[at + 39]
    table = blob[at + digests_at : at + digests_at + 32 * count]
    if (digest_bytes, kind) != (32, _SHA256) or not 12 <= page_log2 <= 16 or len(table) != 32 * count:
        raise ValueError("its digests are not sha256 of pages")
    if count != -(-code_bytes >> page_log2):
        raise ValueError("it has not a digest for each page")
    return Signed(code_bytes, 1 << page_log2, tuple(table[i : i + 32] for i in range(0, len(table), 32)))


def changed_page(signed: Signed, file: BinaryIO) -> int | None:
    """Return the number of the first page of the file that is another than was signed, or is not there."""
    file.seek(0)
    for page, wanted in enumerate(signed.digests):
        data = file.read(min(signed.page_bytes, signed.code_bytes - page * signed.page_bytes))
        if hashlib.sha256(data).digest() != wanted:
            return page
    return None


def _directory_at(blob: bytes) -> int:
    if len(blob) < 12 or _word(blob, 0) != _SUPER_BLOB:
        raise ValueError("it does not begin as one")
    for index in range(min(_word(blob, 8), 64)):
        entry = 12 + 8 * index
        if len(blob) >= entry + 8 and _word(blob, entry) == _DIRECTORY_SLOT:
            return _word(blob, entry + 4)
    raise ValueError(_NO_DIRECTORY)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
