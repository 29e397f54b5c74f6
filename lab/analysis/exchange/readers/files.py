"""A file of unknown origin: what it is, and the tests in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.analysis.exchange.imports.records import Source
from lab.analysis.exchange.readers.dates import Dates
from lab.analysis.exchange.readers.fields import DATE_HINT, Fields, UndatedError
from lab.analysis.exchange.readers.llama_rows import LlamaRows
from lab.analysis.exchange.readers.mlperf import mlperf_found
from lab.analysis.exchange.readers.parsed import ForeignTest, Found, Subject
from lab.analysis.exchange.readers.pocketpal import pocketpal_found
from lab.analysis.exchange.scanners.items import Document, Item, LeftOut, Row
from lab.analysis.exchange.scanners.open_file import Opened, opened
from lab.analysis.exchange.scanners.other_tools import tool_of_object, unknown_file
from lab.analysis.exchange.scanners.scan import scan
from lab.analysis.exchange.scanners.scan_markdown import FORMAT as MARKDOWN
from lab.core.errors import ForeignFileError, UsageError
from lab.core.jsonio import digest
from lab.core.progress import Advance
from lab.formats.digested import DAMAGED, DIGEST_KEY
from lab.formats.run_record import RunRecord, from_json

LAB = "lab"
LLAMA = ("llama-bench-json", "llama-bench-jsonl", "llama-bench-csv", "llama-bench-sql", MARKDOWN)
REPORTS: dict[str, Callable[[dict[str, Any], str, Dates], Found]] = {
    "mlperf-mobile": mlperf_found,
    "pocketpal": pocketpal_found,
}
_KEYS = (
    ("pocketpal", {"runs", "bench"}),
    ("mlperf-mobile", {"results", "environment_info", "build_info"}),
    (LAB, {"run_id", "cells", "protocol"}),
)
FORMATS = (*LLAMA, *REPORTS, LAB)
TOLD = 20  # lines that were left out and are kept to be told; all are counted


@dataclass
class ReadFile:
    """What a file holds: its tests, and what is of no use, each with the reason.

    `skipped` are rows and `left_out` lines that are not read, `counts` how many lines there were of each kind. `own`
    is a run of another lab. `undated` tells that rows do not say when they were measured.
    """

    path: Path
    name: str
    target: str
    emulated: bool
    format: str = ""
    tests: list[tuple[Subject, ForeignTest]] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    own: RunRecord | None = None
    undated: bool = False
    source: Source = Source("", "", "")  # noqa: RUF009 - frozen


def read_file(
    path: Path,
    target: str | None,
    format: str | None = None,
    *,
    emulated: bool = False,
    date: str | None = None,
    advance: Advance | None = None,
) -> ReadFile:
    """Read the file at `path`, or stdin for `-`, as results of `target`; None for `format`: by the content.

    `date` is when rows were measured that do not say it, as records spell times. `advance` hears of bytes read.

    Raises:
        ForeignFileError: there is nothing in it that lab reads, or a row is not what its format says.
        UsageError: rows of another tool need a target and have none.
    """
    with opened(path) as lines:
        reading = _Reading(ReadFile(path, lines.name, target or "", emulated), Dates(date, lines.changed_at), format)
        _read(lines, reading, advance or (lambda amount: None))
        found = reading.file
        found.source = Source(path.name, lines.sha256, found.format)
        found.notes += reading.notes()
        if lines.odd_lines:
            found.notes.append(f"{lines.odd_lines} lines with bytes that are no text of its encoding, shown as U+FFFD")
    if target is None and found.tests:
        raise UsageError(f"{found.name}: it does not name the target that was measured", hint="name it with --target")
    if found.own is not None and target not in (None, found.own.target.name):
        raise UsageError(
            f"{found.name} is a run of target {found.own.target.name}, not of {target}", hint="leave --target out"
        )
    if not found.tests and found.own is None:
        raise reading.nothing()
    return found


def _read(lines: Opened, reading: _Reading, advance: Advance) -> None:
    done = 0
    for item in scan(lines.lines(), lines.name):
        reading.take(item)
        if lines.size_bytes > done:
            advance(lines.size_bytes - done)
            done = lines.size_bytes


class _Reading:
    """One file while it is read."""

    def __init__(self, file: ReadFile, dates: Dates, format: str | None) -> None:
        self.file = file
        self._dates = dates
        self._wanted = {format, "llama-bench-jsonl"} if format == "llama-bench-json" else {format} if format else None
        self._rows = LlamaRows(dates)
        self._row = 0
        self._tables = False
        self._listed = False  # whether objects that are not read stand in a list
        self._others: dict[str, int] = {}  # what the objects look like that are not read

    def take(self, item: Item) -> None:
        """Take one item of the scan."""
        if isinstance(item, Row):
            self._take_row(item)
        elif isinstance(item, Document):
            self._take_document(item)
        else:
            self._leave_out(item)

    def notes(self) -> list[str]:
        """Return what a reader has to know of what was read."""
        notes = []
        if self._tables and self._dates.given is None:
            when = "when the file was changed" if self._dates.changed_at is not None else "now"
            notes.append(f"a table has no date: {self._dates.without()} is assumed, {when}; --date sets another")
        doubted = [test for _, test in self.file.tests if test.doubts]
        if doubted:
            count = f"{len(doubted)} of {len(self.file.tests)} tests marked and left out of every judgement"
            notes.append(f"{count}, the first in row {doubted[0].row}: {doubted[0].doubts[0][1]}")
        return notes

    def nothing(self) -> ForeignFileError:
        """Return the error for a file without a single test."""
        if self.file.skipped:
            reasons = "; ".join(dict.fromkeys(reason for _, reason in self.file.skipped[:3]))
            hint = DATE_HINT if "before the first possible" in reasons else None
            return ForeignFileError(f"{self.file.name}: nothing to import: {reasons}", hint=hint)
        return unknown_file(self.file.name, self.file.left_out, list(self._others), listed=self._listed)

    def _take_row(self, item: Row) -> None:
        if self._wanted is not None and item.format not in self._wanted:
            self._leave_out(LeftOut(item.line, "other", f"a row of {item.format}"))
            return
        self._row += 1
        published = item.format == MARKDOWN
        self._tables |= published
        fields = Fields(self.file.name, self._row, item.columns)
        self.file.format = self.file.format or item.format
        try:
            self.file.tests.append(self._rows.read(fields, published=published))
        except UndatedError as problem:
            self.file.skipped.append((self._row, problem.reason))
        self.file.undated |= published or self._dates.given is not None

    def _take_document(self, item: Document) -> None:
        kinds = [name for name, needed in _KEYS if needed <= set(item.content)]
        wanted = [name for name in kinds if self._wanted is None or name in self._wanted]
        if not wanted:
            if {"runs", "llama_rn_version"} <= set(item.content) or _is_pocketpal(item.content):
                version = item.content.get("version")
                self._leave_out(LeftOut(item.line, "other", f"a PocketPal report of version {version}: needs `bench`"))
                return
            self._listed |= item.listed
            looks = tool_of_object(item.content) or ""
            self._others[looks] = self._others.get(looks, 0) + 1
            self._leave_out(LeftOut(item.line, "other", "a JSON object that is no row of llama-bench"))
            return
        self.file.format = self.file.format or wanted[0]
        if wanted[0] == LAB:
            self.file.own = _own(item.content, self.file.name)
            return
        found = REPORTS[wanted[0]](item.content, self.file.name, self._dates)
        self.file.tests += found.tests
        self.file.skipped += found.skipped
        self.file.undated |= self._dates.given is not None

    def _leave_out(self, one: LeftOut) -> None:
        counts = self.file.counts
        counts[one.kind] = counts.get(one.kind, 0) + 1
        if counts[one.kind] <= TOLD:
            self.file.left_out.append(one)


def _is_pocketpal(content: dict[str, Any]) -> bool:
    runs = content.get("runs")
    first = runs[0] if isinstance(runs, list) and runs else None
    return isinstance(first, dict) and "requested_backend" in first


def _own(document: dict[str, Any], name: str) -> RunRecord:
    """A run of lab's own, from another store: it keeps its id, its target and its digest."""
    plain = {key: value for key, value in document.items() if key != DIGEST_KEY}
    if document.get(DIGEST_KEY) != digest(plain):
        raise ForeignFileError(f"{name}: its content does not match its {DIGEST_KEY}", hint=DAMAGED)
    return from_json(plain, where=name)
