"""What is wrong with what is stored: each finding names the place, the reason and the next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

from lab.core.errors import LabError
from lab.core.home import shown
from lab.core.progress import Progress
from lab.core.temporary import PREFIX, in_work
from lab.formats.run_record import SCHEMA, RunRecord
from lab.store import BadRun, Entry, content, entries, place, read_entries, run_path
from lab.store.archive import NAME as ARCHIVE
from lab.store.location import Place

Kind = Literal["half-written", "damaged", "foreign", "newer", "clock", "misplaced", "duplicate"]
SOON = timedelta(minutes=10)  # clocks of two machines differ
A_DAY = timedelta(days=1)
HAS_CLOCKS = datetime(2020, 1, 1, tzinfo=UTC)  # files with older times were unpacked from something that keeps none

README = "README.md"  # says what profiles/ is for; it stands in a checkout from the start

NEXT: dict[Kind, str] = {
    "half-written": "`lab store set-aside` moves it out of the way",
    "damaged": "bring it back from a copy, or `lab store set-aside` moves it out of the way",
    "foreign": "move it where it belongs, or `lab store set-aside` moves it out of the way",
    "newer": "upgrade lab, which reads it",
    "clock": "set the clock right and measure again; `lab store set-aside` takes it out of the history",
    "misplaced": "move it to where it belongs, or `lab store set-aside` moves it out of the way",
    "duplicate": "`lab store set-aside` moves the copy and keeps the other",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `target` is the folder that it is in, "" for profiles/ itself."""

    kind: Kind
    place: Place
    target: str
    reason: str

    @property
    def hint(self) -> str:
        """The next step."""
        return NEXT[self.kind]


def check_store(root: Path | None, progress: Progress, now: datetime | None = None) -> list[Finding]:
    """Read every stored run and return what cannot be believed, in the order of the store.

    `root` is the profiles folder, where runs are files: then what is no run at all is found there as well.
    """
    listed = entries()
    found = _strangers(root, {entry.place for entry in listed}) if root else []
    first: dict[str, Entry] = {}
    with progress.phase("checking", len(listed), "runs") as advance:
        for entry, run in zip(listed, read_entries(listed), strict=True):
            if isinstance(run, BadRun):
                found.append(_unreadable(entry, run))
            else:
                found += _doubts(entry, run, first, now or datetime.now(UTC))
            advance(1)
    return found


def _unreadable(entry: Entry, bad: BadRun) -> Finding:
    reason = bad.reason.removeprefix(f"{shown(bad.path)}: ")
    kind = _kind(bad.path)
    return Finding(kind, bad.path, entry.target, f"no recorded run: {reason}" if kind == "foreign" else reason)


def _kind(at: Place) -> Kind:
    """Tell what was cut short from what was changed, and both from what never was a run."""
    try:
        text = content(at).decode("utf-8")
        document = json.loads(text)
    except json.JSONDecodeError as problem:
        cut = problem.pos >= len(text.rstrip()) or problem.msg.startswith("Unterminated")
        return "half-written" if cut else "damaged"
    except (LabError, ValueError, RecursionError):
        return "damaged"
    if not isinstance(document, dict) or not {"run_id", "cells"} <= document.keys():
        return "foreign"
    schema = document.get("schema")
    return "newer" if type(schema) is int and schema > SCHEMA else "damaged"


def _doubts(entry: Entry, run: RunRecord, first: dict[str, Entry], now: datetime) -> Iterator[Finding]:
    """What is wrong with a run that can be read."""
    at = place(entry.place)
    earlier = first.setdefault(run.run_id, entry)
    if earlier is not entry:
        yield Finding("duplicate", at, entry.target, f"the run {run.run_id} is also in {shown(place(earlier.place))}")
        return
    belongs = run_path(run)
    if isinstance(at, Path) and isinstance(belongs, Path) and at.absolute() != belongs.absolute():
        yield Finding("misplaced", at, entry.target, f"its content belongs at {shown(belongs)}")
    reason = _clock(at, run, now)
    if reason:
        yield Finding("clock", at, entry.target, reason)


def _clock(at: Place, run: RunRecord, now: datetime) -> str | None:
    made = datetime.fromisoformat(run.created_at)
    if made > now + SOON:
        return f"timestamp is in the future: {run.created_at}"
    if isinstance(at, Path) and at.exists():
        written_s = at.stat().st_mtime  # seconds: a file's may lie beyond every date
        if HAS_CLOCKS.timestamp() < written_s < (made - A_DAY).timestamp():
            written = datetime.fromtimestamp(written_s, UTC)
            return f"it says that it was made at {run.created_at}, and its file was written at {written:%Y-%m-%d %H:%M}"
    if any(_backwards(one.submit_ns, one.token_ns) for cell in run.cells for one in cell.repetitions):
        return "the clock of the device ran backwards between two tokens"
    return None


def _backwards(submit_ns: int | None, token_ns: tuple[int, ...] | None) -> bool:
    stamps = [*([] if submit_ns is None else [submit_ns]), *(token_ns or ())]
    return any(later < earlier for earlier, later in pairwise(stamps))


def _strangers(root: Path, runs: set[str]) -> list[Finding]:
    """What lies beside the runs and is none."""
    if not root.is_dir():
        return []
    folders = [root, *sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))]
    paths = [path for folder in folders for path in sorted(folder.iterdir()) if str(path) not in runs]
    return [one for path in paths if (one := _stranger(root, path)) is not None]


def _stranger(root: Path, path: Path) -> Finding | None:
    target = "" if path.parent == root else path.parent.name
    if path.name.startswith(PREFIX) and not in_work(path):
        return Finding("half-written", path, target, "left by a command that was killed")
    if path.name.startswith(".") or path.is_dir() or ARCHIVE.fullmatch(path.name) or path == root / README:
        return None
    return Finding("foreign", path, target, "no file of lab")
