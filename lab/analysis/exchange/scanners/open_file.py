"""A file or a pipe of unknown origin, opened as lines of text: whatever encoding and line ends it comes with."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.core.errors import ForeignFileError
from lab.core.home import shown
from lab.core.units import human_bytes

MAX_BYTES = 1 << 30
MAX_LINE = 1 << 26  # characters
STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
PACKED = {  # how files begin that hold text for others -> what they are, and how to get at it
    b"\x1f\x8b": ("packed by gzip", "unpack it on the way: gzip -dc FILE | lab import - --target NAME"),
    b"PK\x03\x04": ("a zip archive", "unpack it, and import the files in it"),
    b"BZh": ("packed by bzip2", "unpack it on the way: bzip2 -dc FILE | lab import - --target NAME"),
    b"\xfd7zXZ\0": ("packed by xz", "unpack it on the way: xz -dc FILE | lab import - --target NAME"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "unpack it on the way: zstd -dc FILE | lab import - --target NAME"),
    b"SQLite format 3\0": ("a database of SQLite", "sqlite3 FILE .dump | lab import - --target NAME"),
    b"PAR1": ("a Parquet file", "write its rows as CSV or as JSON, a row a line"),
}
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MARKS = (  # the longer ones first: UTF-32's mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Opened(io.RawIOBase):
    """What is read, counted and digested while it is read. `changed_at` is the file's time, seconds since 1970."""

    def __init__(self, raw: Any, name: str, changed_at: float | None) -> None:
        super().__init__()
        self.name = name
        self.changed_at = changed_at
        self.size_bytes = 0
        self.odd_lines = 0  # lines with bytes that are none in the file's encoding
        self._raw = raw
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Say yes, as io asks for it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; more than MAX_BYTES in all are an error."""
        count: int = self._raw.readinto(buffer) or 0
        self.size_bytes += count
        if self.size_bytes > MAX_BYTES:
            raise ForeignFileError(f"{self.name}: over {human_bytes(MAX_BYTES)}", hint="import it in parts")
        self._digest.update(memoryview(buffer)[:count])
        return count

    @property
    def sha256(self) -> str:
        """The digest of what was read so far."""
        return self._digest.hexdigest()

    def lines(self) -> Iterator[str]:
        """Yield the lines without their ends; characters that are none in its encoding become U+FFFD."""
        data = io.BufferedReader(self, 1 << 18)
        head = data.peek(4096)[:4096]
        for mark, (what, next_step) in PACKED.items():
            if head.startswith(mark):
                raise ForeignFileError(f"{self.name}: {what}, and no text", hint=next_step)
        text = io.TextIOWrapper(data, encoding=_encoding(head), errors="replace")
        text._CHUNK_SIZE = 1 << 18  # type: ignore[attr-defined] # of 8 KB otherwise
        while line := text.readline(MAX_LINE):
            if len(line) == MAX_LINE:
                raise ForeignFileError(
                    f"{self.name}: a line of over {MAX_LINE} characters", hint="is it the right file?"
                )
            self.odd_lines += "\ufffd" in line
            yield _plain(line.rstrip("\n").lstrip("\ufeff"))


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open the file at `path`, a pipe, or stdin for `-`; ForeignFileError says why not, and what to do."""
    name = "stdin" if str(path) in STDIN else shown(path)
    try:
        if str(path) in STDIN:
            yield Opened(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer), name, None)
            return
        if path.is_dir():
            raise ForeignFileError(f"{name}: not a file", hint="name the files in it")
        with path.open("rb", buffering=0) as raw:
            yield Opened(raw, name, path.stat().st_mtime if path.is_file() else None)
    except OSError as problem:
        hint = "look at the name, or give `-` to read what another program writes" if not path.exists() else None
        raise ForeignFileError(f"{name}: cannot read: {problem.strerror or problem}", hint=hint) from problem
    except ValueError as problem:  # a name with a NUL in it
        raise ForeignFileError(f"{name}: cannot read: {problem}", hint="look at the name") from problem


def _encoding(head: bytes) -> str:
    """Tell the encoding by its mark, else by where the zeros of ASCII in UTF-16 are."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 3 < len(head) // 2 or max(even, odd) < 2:
        return "utf-8"
    return "utf-16-le" if odd > even else "utf-16-be"


def _plain(line: str) -> str:
    """Return the line without colours, and what a power cut or a second encoding left; one NUL is for its reader."""
    if "\x1b" in line:
        line = _COLOURS.sub("", line)
    if "\0" not in line:
        return line
    line = line.strip("\0")
    return line.replace("\0", "") if line.count("\0") * 3 >= len(line) else line
