"""The code signature of a Mach-O file, as far as it needs no certificate: are its pages those that were signed?

macOS on arm64 kills a program at the first page whose hash is another.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_SUPER_BLOB, _DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_DIRECTORY_SLOT = 0
_SHA256 = 2
_HEADER_BYTES = 44
MAX_BYTES = 64 << 20  # of a signature; a library of 200 MB has 2 MB


def signature_problem(path: Path, start: int, size_bytes: int) -> str | None:
    """Return what is wrong with the signature that lies at `start` of the file; None when every page is as signed."""
    if size_bytes > MAX_BYTES:
        return f"a signature of {size_bytes} bytes is not believed"
    with path.open("rb") as file:
        file.seek(start)
        directory = _directory(file.read(size_bytes))
        if directory is None:
            return "the signature is damaged, or without a list of SHA-256 hashes"
        hashes, code_bytes, page_bytes = directory
        if code_bytes != start:
            return f"{code_bytes} of {start} bytes are signed"
        file.seek(0)
        for page, wanted in enumerate(hashes):
            data = file.read(min(page_bytes, code_bytes - page * page_bytes))
            if hashlib.sha256(data).digest() != wanted:
                return f"page {page} is another than was signed"
    return None


def _directory(blob: bytes) -> tuple[list[bytes], int, int] | None:
    """Return the hashes of all pages, how many bytes they cover, and the bytes of a page."""
    at = _directory_offset(blob)
    if at is None or len(blob) < at + _HEADER_BYTES or _word(blob, at) != _DIRECTORY:
        return None
    hash_at, count, code_bytes = _word(blob, at + 16), _word(blob, at + 28), _word(blob, at + 32)
    hash_bytes, kind, page_shift = blob[at + 36], blob[at + 37], blob[at + 39]
    table = blob[at + hash_at : at + hash_at + 32 * count]
    if (hash_bytes, kind) != (32, _SHA256) or not 12 <= page_shift <= 16 or len(table) != 32 * count:
        return None
    if count != -(-code_bytes >> page_shift):
        return None
    return [table[i : i + 32] for i in range(0, len(table), 32)], code_bytes, 1 << page_shift


def _directory_offset(blob: bytes) -> int | None:
    if len(blob) < 12 or _word(blob, 0) != _SUPER_BLOB:
        return None
    for index in range(min(_word(blob, 8), 64)):
        entry = 12 + 8 * index
        if len(blob) >= entry + 8 and _word(blob, entry) == _DIRECTORY_SLOT:
            return _word(blob, entry + 4)
    return None


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
