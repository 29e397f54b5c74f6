"""`lab import` for people: each run, what it measured, what became of it, and what of the files was not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.analysis.exchange.imports.import_runs import Kept
from lab.analysis.exchange.readers.files import ReadFile
from lab.core.text import said
from lab.formats.run_record import RunRecord
from lab.formats.test import Test
from lab.views.table import FAINT, GOOD, left, spaced, table

WIDE = 90
MOST = 40  # runs in the table; all are counted
KINDS = {
    "log": ("line of a log", "lines of a log"),
    "cut": ("row or statement that was cut off", "rows or statements that were cut off"),
    "broken": ("piece that is not valid", "pieces that are not valid"),
    "other": ("piece of something that lab does not read", "pieces of something that lab does not read"),
}


def import_table(
    rows: Iterable[tuple[Kept, RunRecord]], kept: Sequence[Kept], width: int, *, dry_run: bool
) -> RenderableType:
    """The first runs as a table, each with its record, and one line that counts all of them."""
    wide = width >= WIDE
    columns = [left("Run", fold=False), left("Target"), left("Model"), left("Tests")]
    columns += [left("Engine")] if wide else []
    lines = [
        [
            *_cells(record),
            *([f"{record.engine.name}, {record.engine.effective}"] if wide else []),
            _outcome(one, dry_run),
        ]
        for one, record in rows
    ]
    more = [Text(f"... and {len(kept) - len(lines)} more runs", FAINT)] if len(lines) < len(kept) else []
    return spaced([table([*columns, left("", fold=False)], lines), *more, Text(_count(kept, dry_run))])


def left_out_lines(file: ReadFile) -> Iterator[str]:
    """What of the file was not read, and what a reader has to know of it: a line of text each."""
    for row, reason in file.skipped[:MOST]:
        yield f"skipped: {file.name}: row {row}: {reason}"
    if len(file.skipped) > MOST:
        yield f"skipped: {file.name}: {len(file.skipped) - MOST} more rows"
    for kind, count in file.counts.items():
        first = next(one for one in file.left_out if one.kind == kind)
        what = KINDS[kind][count > 1]
        way = "warning" if kind in ("cut", "broken") else "skipped"
        yield f"{way}: {file.name}: {count} {what}, the first in line {first.line}: {said(first.text)[:120]}"
    yield from (f"note: {file.name}: {note}" for note in file.notes)


def _cells(record: RunRecord) -> list[str | Text]:
    labels = [Test.of(cell).label for cell in record.cells]
    tests = ", ".join(labels[:4]) + (f" +{len(labels) - 4}" if len(labels) > 4 else "")
    return [record.run_id, record.target.name, record.model.label, tests]


def _outcome(one: Kept, dry_run: bool) -> Text:
    if one.outcome == "new":
        return Text("would be stored" if dry_run else "stored", GOOD)
    if one.outcome == "continued":
        return Text(("would get " if dry_run else "got ") + _additions(one), GOOD)
    return Text(one.outcome, FAINT)


def _additions(one: Kept) -> str:
    more = len(one.tests) - one.sampled
    parts = [f"{more} more {'test' if more == 1 else 'tests'}"] if more else []
    return " and ".join(parts + ([f"samples of {one.sampled}"] if one.sampled else []))


def _count(kept: Sequence[Kept], dry_run: bool) -> str:
    by = {name: [one for one in kept if one.outcome == name] for name in ("new", "continued", "already here")}
    new, more, here = (len(by[name]) for name in by)
    parts = [f"{new} {'would be stored' if dry_run else 'stored'}"] if new or not (more or here) else []
    if more:
        parts.append(f"{more} {'would be continued' if dry_run else 'continued'}")
    if here:
        parts.append(
            f"{here} already here: nothing changed" if not (new or more) else f"{here} already here, left as they were"
        )
    return ", ".join(parts)
