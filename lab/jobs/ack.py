"""What `lab ack` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.analysis.history.accepting import accept_all
from lab.analysis.history.regression import Regression
from lab.analysis.points.key import CellKey
from lab.core.errors import UsageError
from lab.core.fields import encode
from lab.core.home import shown
from lab.core.progress import Progress
from lab.core.text import printable
from lab.core.units import change_size
from lab.formats.acks import Accepted, acks_path, load_acks, remove
from lab.formats.test import Test
from lab.formats.verdicts import word_label
from lab.jobs.regressions import Numbered, change_row, judged

Answer = tuple[dict[str, Any], str]


@dataclass(frozen=True)
class Wanted:
    """Which change is meant; what is None does not matter. `run` is the beginning of an id."""

    number: int | None = None
    run: str | None = None
    target: str | None = None
    model: str | None = None
    test: str | None = None
    metric: str | None = None

    def fits(self, number: int, change: Regression) -> bool:
        """Whether the change is one that is meant."""
        cell = change.cell
        pairs = [(self.number, number), (self.target, cell.target), (self.model, cell.model)]
        pairs += [(self.test, test_of(cell)), (self.metric, cell.metric)]
        return change.run_id.startswith(self.run or "") and all(want in (None, has) for want, has in pairs)


def test_of(cell: CellKey | Accepted) -> str:
    """The test of a cell, or of an entry, as people type it."""
    return Test.of(cell).label


def accepted(wanted: Wanted, reason: str, each: bool, progress: Progress) -> Answer:
    """Accept the change that is meant. UsageError when none fits, or several and not `each`."""
    if wanted == Wanted():
        raise UsageError("which change?", hint="lab regressions lists them with their numbers")
    found = [(number, one) for number, one in enumerate(judged(progress).changes, 1) if wanted.fits(number, one)]
    if wanted.number is None:  # a name means what still stands; a number may mean anything
        found = [(number, one) for number, one in found if one.open] or found
    _check(found, each)
    accept_all([change for _, change in found], reason)
    document = {"accepted": [change_row(*pair) for pair in found], "path": str(acks_path())}
    lines = [f"accepted: {_line(change)}" for _, change in found]
    return document, "\n".join([*lines, f"written to {shown(acks_path())}"])


def listed() -> Answer:
    """Everything that is accepted."""
    entries = load_acks()
    document = {"accepted": [encode(entry) for entry in entries], "path": str(acks_path())}
    lines = [f"{number}  {_entry(entry)}" for number, entry in enumerate(entries, 1)]
    return document, "\n".join(lines or ["nothing is accepted"])


def removed(number: int) -> Answer:
    """Take one entry back."""
    entries = load_acks()
    if number > len(entries):
        raise UsageError(f"there is no entry {number}, of {len(entries)}", hint="lab ack --list shows them")
    path = remove([number - 1])
    entry = entries[number - 1]
    return {"removed": encode(entry), "path": str(path)}, f"removed: {_entry(entry)}"


def _check(found: Numbered, each: bool) -> None:
    if not found:
        raise UsageError("no change point matches", hint="lab regressions --all lists every change")
    if len(found) > 1 and not each:
        fits = "\n".join(f"  {number}  {_line(change)}" for number, change in found[:20])
        raise UsageError(f"{len(found)} changes fit:\n{fits}", hint="give a number, say more, or accept --each")


def _line(change: Regression) -> str:
    cell = change.cell
    names = [printable(name) for name in (cell.target, cell.model, cell.engine)]
    size = f"{word_label(change.word)} {change_size(change.ratio)}"
    return f"{' '.join(names)} {test_of(cell)} {cell.metric}: {size} since {change.run_id}"


def _entry(entry: Accepted) -> str:
    names = f"{entry.target} {entry.model} {printable(entry.engine)} {test_of(entry)} {printable(entry.metric)}"
    return f"{names} from {entry.run}: {printable(entry.reason)}"
