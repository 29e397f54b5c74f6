"""One archive: a Parquet file with a row a run, in which every document is kept byte for byte.

The columns beside the document say what its file name said, so that a listing reads no document, and any reader of
Parquet can look for one. pyarrow is imported when an archive is there to be read, and not before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lab.core.errors import StoreError
from lab.core.home import shown
from lab.core.text import said

SCHEMA = "1"
SCHEMA_KEY = b"lab.archive"  # in the file's own key-value metadata
INDEX = ("name", "stamp", "run_id", "label", "sha256")
GROUP = 16  # documents that are compressed, and so read, together
HINT = "bring it back from a copy; `lab store set-aside` moves it out of the way"


@dataclass(frozen=True, order=True)
class Member:
    """An archived run: the name of the file it was, what that name says, and the sha256 of its bytes."""

    name: str
    stamp: str
    run_id: str
    label: str
    sha256: str


@dataclass(frozen=True)
class Document:
    """A run on its way into an archive."""

    member: Member
    content: bytes


def member_of(name: str, content: bytes) -> Member:
    """Return the member that a run's file becomes; ValueError when its name has another form."""
    stamp, label, run_id = name.removesuffix(".json").split("--")
    return Member(name, stamp, run_id, label, hashlib.sha256(content).hexdigest())


def read_index(path: Path) -> tuple[Member, ...]:
    """Return the members in the order of the file; StoreError when it is no whole archive."""
    return _index(path, file_version(path))


def read_member(path: Path, name: str) -> bytes:
    """Return the document called `name` as it was archived; StoreError when it is not there or not whole."""
    version = file_version(path)
    places = {member.name: place for place, member in enumerate(_index(path, version))}
    if name not in places:
        raise StoreError(f"{shown(path)}: holds no {name[:100]!r}", hint="`lab runs` lists what is stored")
    group, place = divmod(places[name], GROUP)
    contents = _group(path, version, group)
    content = contents[place] if place < len(contents) else b""
    if hashlib.sha256(content).hexdigest() != _index(path, version)[places[name]].sha256:
        raise StoreError(f"{shown(path)}: {name[:100]} does not match its sha256", hint=HINT)
    return content


def write_members(path: Path, documents: Iterable[Document]) -> None:
    """Write an archive group by group: no more than GROUP documents are held at a time. Flushing it is the caller's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in INDEX] + [("document", pa.large_binary())])
    schema = schema.with_metadata({SCHEMA_KEY: SCHEMA.encode()})
    # Statistics of documents would be two whole documents a group, and not compressed.
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": list(INDEX)}
    with pq.ParquetWriter(path, schema, **options) as writer:
        for group in _grouped(documents):
            rows = [{**vars(one.member), "document": one.content} for one in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _grouped(documents: Iterable[Document]) -> Iterable[Sequence[Document]]:
    group: list[Document] = []
    for one in documents:
        group.append(one)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def file_version(path: Path) -> tuple[int, ...]:
    """Return what tells this state of an archive from any other; StoreError when it cannot be asked."""
    try:
        found = path.stat()
    except OSError as problem:
        raise StoreError(f"{shown(path)}: cannot read: {problem.strerror}") from problem
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=512)
def _index(path: Path, version: tuple[int, ...]) -> tuple[Member, ...]:
    with _opened(path) as file:
        columns = [file.read(columns=[name]).column(0).to_pylist() for name in INDEX]
        if any(not isinstance(value, str) for column in columns for value in column):
            raise StoreError(f"{shown(path)}: an archive with a row that names no run", hint=HINT)
    return tuple(Member(*row) for row in zip(*columns, strict=True))


@lru_cache(maxsize=32)
def _group(path: Path, version: tuple[int, ...], number: int) -> list[bytes]:
    with _opened(path) as file:
        contents = file.read_row_group(number, columns=["document"]).column(0).to_pylist()
    return [content if isinstance(content, bytes) else b"" for content in contents]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield the Parquet file; whatever is wrong with it is a StoreError that names it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            kept = (file.schema_arrow.metadata or {}).get(SCHEMA_KEY, b"").decode(errors="replace")
            if kept != SCHEMA:
                raise StoreError(f"{shown(path)}: {_other(kept)}", hint=HINT)
            yield file
    except (OSError, pa.ArrowException, EOFError, LookupError, ValueError) as problem:
        raise StoreError(f"{shown(path)}: not a whole archive: {said(problem)}", hint=HINT) from problem


def _other(kept: str) -> str:
    return f"an archive of version {kept!r}, and this lab reads {SCHEMA}: upgrade lab" if kept else "no archive of lab"
