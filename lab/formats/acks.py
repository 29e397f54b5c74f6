"""accepted.toml: levels of a history that somebody accepted, with the reason. People read, edit and review it.

Entries are added at the end and cut out as they stand, so comments and order of the rest stay. A file in another form
of TOML, such as one inline list, is edited by tomlkit. What would not read back as it should is not written.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from lab.core.atomic import write_text
from lab.core.config import Limits, decode, load_toml, parse_toml
from lab.core.errors import ConfigError
from lab.core.home import lab_home, shown
from lab.formats.kinds import Count, ModelLabel, Name, RunId

SCHEMA = 1
HEAD = "schema = 1\n"
ENTRY = re.compile(r"^[ \t]*\[\[[ \t]*accepted[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True)
class Accepted:
    """One accepted change: the cell, the first run at the new level, why. `level` is in the metric's own unit."""

    target: Name
    model: ModelLabel
    engine: str
    prompt: Count
    generate: Count
    depth: Count
    metric: str
    run: RunId
    reason: Annotated[str, Limits(pattern=r"(?s).*\S.*")]
    level: float | None = None
    commit: str = ""


@dataclass(frozen=True)
class File:
    """The whole file."""

    schema: int
    accepted: tuple[Accepted, ...] = ()


def acks_path() -> Path:
    """Return where the file is, or will be."""
    return lab_home() / "accepted.toml"


def load_acks() -> tuple[Accepted, ...]:
    """Return every entry in the order of the file; none when there is no file. ConfigError names a wrong key."""
    path = acks_path()
    return load_toml(path, File, schema=SCHEMA).accepted if path.exists() else ()


def add(entry: Accepted) -> Path:
    """Put the entry at the end of the file, instead of an earlier one of the same cell and run."""
    with _held() as path:
        old = [place for place, one in enumerate(load_acks()) if _same(one, entry)]
        kept = [*_kept(old), entry]
        _write(path, [lambda text: _without(text, old).rstrip("\n") + "\n\n" + _block(entry)], kept)
    return path


def remove(places: Sequence[int]) -> Path:
    """Cut the entries at these places (from 0) out of the file."""
    with _held() as path:
        _write(path, [lambda text: _without(text, places), lambda text: _cut_by_tomlkit(text, places)], _kept(places))
    return path


def _same(one: Accepted, other: Accepted) -> bool:
    def names(entry: Accepted) -> dict[str, object]:
        return {key: value for key, value in asdict(entry).items() if key not in ("reason", "level", "commit")}

    return names(one) == names(other)


def _kept(places: Sequence[int]) -> list[Accepted]:
    return [one for place, one in enumerate(load_acks()) if place not in places]


@contextmanager
def _held() -> Iterator[Path]:
    """Keep other writers out; the lock is on the folder, since the file is replaced."""
    path = acks_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(handle)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8") if path.exists() else HEAD


def _without(text: str, places: Sequence[int]) -> str:
    """The text without these entries; comments that stand right above the next entry stay with it."""
    starts = [found.start() for found in ENTRY.finditer(text)]
    if any(place >= len(starts) for place in places):
        raise ValueError("not every entry begins with [[accepted]] on a line of its own")
    for place in sorted(places, reverse=True):
        end = starts[place + 1] if place + 1 < len(starts) else len(text)
        body = text[starts[place] : end]
        text = text[: starts[place]] + _trailing_comments(body) + text[end:]
    return text


def _trailing_comments(body: str) -> str:
    lines = body.splitlines(keepends=True)
    first = len(lines)
    while first > 1 and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
        first -= 1
    return "".join(lines[first:]).lstrip("\n")


def _block(entry: Accepted) -> str:
    values = {key: value for key, value in asdict(entry).items() if value not in (None, "")}
    return "[[accepted]]\n" + "".join(f"{key} = {_spelled(value)}\n" for key, value in values.items())


def _spelled(value: object) -> str:
    # A JSON string with its non-ASCII characters is a TOML basic string, except for this one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _cut_by_tomlkit(text: str, places: Sequence[int]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        entries: Any = document["accepted"]
        for place in sorted(places, reverse=True):
            del entries[place]
        return tomlkit.dumps(document)
    except TOMLKitError as problem:
        raise ValueError(str(problem)) from problem


def _write(path: Path, edits: Sequence[Callable[[str], str]], expected: Sequence[Accepted]) -> None:
    """Write what the first edit gives that reads back as expected, and nothing else."""
    before = _text(path)
    for edit in edits:
        text = _edited(edit, before)
        if text is not None and _read(text, path) == tuple(expected):
            return write_text(path, text)
    hint = "edit it by hand: each entry begins with [[accepted]] on a line of its own"
    raise ConfigError(f"{shown(path)}: cannot be changed without losing what you wrote", hint=hint)


def _edited(edit: Callable[[str], str], text: str) -> str | None:
    try:
        return edit(text)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _read(text: str, path: Path) -> tuple[Accepted, ...] | None:
    try:
        return decode(File, parse_toml(text.encode("utf-8"), where=shown(path)), where=shown(path)).accepted
    except ConfigError:
        return None
