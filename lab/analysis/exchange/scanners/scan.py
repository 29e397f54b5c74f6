"""Lines of unknown origin to rows and reports: the one reader that stands before every format.

Each line goes to the reader that is in the middle of something, else to the first that knows it; what none knows is of
a log. So outputs may follow each other, one may be cut, and a log may stand before, between and behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from lab.analysis.exchange.scanners.items import Item, LeftOut
from lab.analysis.exchange.scanners.scan_csv import CsvScan
from lab.analysis.exchange.scanners.scan_json import JsonScan
from lab.analysis.exchange.scanners.scan_markdown import MarkdownScan
from lab.analysis.exchange.scanners.scan_sql import SqlScan
from lab.core.text import said

_ROW = '"build_commit"'
_LATE = re.compile(r'^\s*[^\s{\[].*?(\{\s*"build_commit".*\})')  # behind what is no object or list
_MEMBER = re.compile(r'("\s*:\s*\[?|\}\s*,|\[)\s*$')  # where an object may stand in JSON


class Reader(Protocol):
    """Takes line by line what belongs to one form."""

    def take(self, line: str, number: int) -> list[Item] | None:
        """Return what became whole with this line; None where the line is of no use to it."""

    def end(self) -> list[Item]:
        """Return what is whole now that nothing more comes, and what is not."""


def scan(lines: Iterable[str], file: str) -> Iterator[Item]:
    """Yield what the lines hold, in their order as far as each form allows it."""
    readers: list[Reader] = [JsonScan(file), SqlScan(file), CsvScan(file), MarkdownScan(file)]
    for number, line in enumerate(lines, 1):
        for part in _parts(line):
            yield from _taken(readers, part, number)
    for reader in readers:
        yield from reader.end()


def _parts(line: str) -> list[str]:
    """The line, in two where a row begins behind something that was cut: an output was appended to it."""
    late = _LATE.search(line) if _ROW in line else None
    if late is None or _MEMBER.search(line[: late.start(1)]):
        return [line] if line and not line.isspace() else []
    parts = (line[: late.start(1)], line[late.start(1) :])
    return [part for part in parts if part and not part.isspace()]


def _taken(readers: list[Reader], line: str, number: int) -> list[Item]:
    for place, reader in enumerate(readers):
        items = reader.take(line, number)
        if items is not None:
            if place:  # the next line is most likely of the same form
                readers.insert(0, readers.pop(place))
            return items
    return [LeftOut(number, "log", said(line))]
