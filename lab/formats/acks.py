"""accepted.toml: levels of a history that somebody accepted, with the reason. People read, edit and review it.

It is edited by tomlkit, which keeps comments, order and spelling of everything else, in whatever form of TOML it is.
What would not read back as it should is not written.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lab.core.atomic import write_text
from lab.core.config import Limits, decode, load_toml, parse_toml
from lab.core.errors import ConfigError
from lab.core.home import lab_home, shown
from lab.formats.kinds import Count, ModelLabel, Name, RunId

if TYPE_CHECKING:
    from tomlkit.items import AoT
    from tomlkit.toml_document import TOMLDocument

SCHEMA = 1
HEAD = "schema = 1\n"


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


def add(*entries: Accepted) -> Path:
    """Put the entries at the end of the file, each instead of an earlier one of the same cell and run."""
    new = {_change(one): one for one in entries}
    with _held() as path:
        old = [place for place, one in enumerate(load_acks()) if _change(one) in new]
        _write(path, old, list(new.values()), [*_kept(old), *new.values()])
    return path


def remove(places: Sequence[int]) -> Path:
    """Cut the entries at these places (from 0) out of the file."""
    with _held() as path:
        _write(path, places, [], _kept(places))
    return path


def _change(entry: Accepted) -> tuple[object, ...]:
    """Return what two entries of one change have in common."""
    own = ("reason", "level", "commit")
    return tuple(getattr(entry, one.name) for one in fields(Accepted) if one.name not in own)


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


def _edited(text: str, places: Sequence[int], new: Sequence[Accepted]) -> str:
    """Return the text without the entries at these places, and with new ones at the end."""
    import tomlkit
    from tomlkit.items import AoT

    document = tomlkit.parse(text if text.endswith("\n") else text + "\n")
    for place in sorted(places, reverse=True):
        entries: Any = document["accepted"]
        _cut(document, entries, place) if isinstance(entries, AoT) else entries.__delitem__(place)
    for entry in new:
        _append(document, {key: value for key, value in asdict(entry).items() if value not in (None, "")})
    return tomlkit.dumps(document)


def _cut(document: TOMLDocument, entries: AoT, place: int) -> None:
    """Take out one [[accepted]]. To tomlkit, comments that stand above the next entry belong to it; they stay."""
    body = entries.body[place].value.body
    first = next((at for at in range(len(body), 0, -1) if body[at - 1][0] is not None), 0)
    below = body[first:]
    if place + 1 < len(entries.body):
        trivia = entries.body[place + 1].trivia
        trivia.indent = "".join(item.as_string() for _, item in below).lstrip("\r\n") + trivia.indent
    else:
        above = (entries.body[place - 1].value if place else document).body
        while not below and above[-1][0] is None and not above[-1][1].as_string().strip():
            above.pop()  # a blank line that stood between them
        above.extend(below)
    entries.__delitem__(place)
    if not entries.body:
        document.remove("accepted")


def _append(document: TOMLDocument, values: dict[str, Any]) -> None:
    import tomlkit
    from tomlkit.items import AoT

    entries: Any = document.get("accepted")
    if entries is None:
        document["accepted"] = entries = tomlkit.aot()
    table: Any = tomlkit.table() if isinstance(entries, AoT) else tomlkit.inline_table()
    table.update(values)
    if isinstance(entries, AoT):
        table.trivia.indent = "\n"
    entries.append(table)


def _write(path: Path, places: Sequence[int], new: Sequence[Accepted], expected: Sequence[Accepted]) -> None:
    """Write the file with these entries cut out and new ones added, if that reads back as expected."""
    from tomlkit.exceptions import TOMLKitError

    try:
        text = _edited(_text(path), places, new)
    except (TOMLKitError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        text = None
    if text is None or _read(text, path) != tuple(expected):
        hint = "edit it by hand: each entry begins with [[accepted]] on a line of its own"
        raise ConfigError(f"{shown(path)}: cannot be changed without losing what you wrote", hint=hint)
    write_text(path, text)


def _read(text: str, path: Path) -> tuple[Accepted, ...] | None:
    try:
        return decode(File, parse_toml(text.encode("utf-8"), where=shown(path)), where=shown(path)).accepted
    except ConfigError:
        return None
