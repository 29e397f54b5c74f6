"""The one look of every table: a header, a thin line, no box; numbers to the right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from lab.core.text import SHOWN_CHARS, cut
from lab.formats.metrics import NOT_MEASURED
from lab.formats.verdicts import VERDICTS, Role, Word
from lab.views.console import clean

NAME_CHARS = 100
GAP = 2  # between two columns
GOOD, BAD, CAUTION, FAINT = "green", "bold red", "yellow", "dim"
STYLES: dict[Role, str] = {"plain": "", "good": GOOD, "bad": BAD, "caution": CAUTION, "faint": FAINT}


def left(title: str, *, fold: bool = True) -> Column:
    """A column of words; with `fold` it gives way first when the terminal is narrow."""
    return Column(title, overflow="fold", no_wrap=not fold, ratio=None)


def right(title: str) -> Column:
    """A column of numbers, never broken over lines."""
    return Column(title, justify="right", no_wrap=True)


def table(columns: Iterable[Column], rows: Iterable[Iterable[str | Text]]) -> Table:
    """Build a table; titles and cells that are plain strings are never markup, and long cells are cut."""
    columns = list(columns)
    for column in columns:
        column.header = clean(Text(column.header)) if isinstance(column.header, str) else column.header
    built = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for row in rows:
        built.add_row(*(_cell(cell, SHOWN_CHARS) for cell in row))
    return built


def long_table(columns: list[Column], rows: Iterable[Sequence[str | Text]], widths: Sequence[int]) -> Group:
    """The same table with all widths known, each cell on one line: a tenth of the time, so for thousands of rows."""
    for column, width in zip(columns, widths, strict=True):
        column.min_width = column.max_width = width
    return Group(table(columns, []), _Lines(columns, rows, widths))


class _Lines:
    """Rows below a header: segments at once, which rich would lay out cell by cell."""

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]], widths: Sequence[int]) -> None:
        self._rights = [column.justify == "right" for column in columns]
        self._rows, self._widths = rows, widths

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        styles = {style: console.get_style(style) for style in (*STYLES.values(), "")}
        for row in self._rows:
            for cell, width, is_right in zip(row, self._widths, self._rights, strict=True):
                text, style = str(cell), str(cell.style) if isinstance(cell, Text) else ""
                blanks = " " * (width - cell_len(text))
                if is_right:
                    yield Segment(blanks)
                yield Segment(text, styles[style] if style in styles else console.get_style(style))
                yield Segment("  " if is_right else f"{blanks}  ")
            yield Segment.line()


def rows_of(columns: Iterable[Column], rows: Iterable[Iterable[str | Text]]) -> Table:
    """Build the same without a header."""
    built = table(columns, rows)
    built.show_header, built.box = False, None
    return built


Cells = tuple[list[Column], list[list[str | Text]]]  # columns and rows, as `table` and Markdown take them


def measured(columns: Iterable[Column], rows: Iterable[Iterable[str | Text]]) -> Cells:
    """Return columns and rows without the columns of numbers that hold nothing but dashes."""
    columns, lines = list(columns), [list(row) for row in rows]
    kept = [
        place
        for place, column in enumerate(columns)
        if column.justify != "right" or any(str(line[place]) not in ("", NOT_MEASURED) for line in lines)
    ]
    return [columns[place] for place in kept], [[line[place] for place in kept] for line in lines]


def width_of(columns: Iterable[Column], rows: Iterable[Iterable[str | Text]]) -> int:
    """Return how wide the table is where nothing of it has to give way."""
    lines = [[str(column.header) for column in columns], *([str(cell) for cell in row] for row in rows)]
    widest = [
        max(len(part) for cell in column for part in [*cell.split("\n"), ""]) for column in zip(*lines, strict=True)
    ]
    return sum(widest) + GAP * (len(widest) - 1)


def verdict_style(word: Word) -> str:
    """The style that repeats a word of a verdict."""
    return STYLES[VERDICTS[word].role]


def spaced(parts: Iterable[RenderableType]) -> Group:
    """Stack parts with an empty line between each two."""
    stacked: list[RenderableType] = []
    for part in parts:
        stacked += [part] if not stacked else ["", part]
    return Group(*stacked)


def pairs(rows: Iterable[tuple[str, str | Text]], limit: int = SHOWN_CHARS) -> Table:
    """Build `name  value` lines without a header; values wrap beside their names, cut after `limit` characters."""
    built = Table(box=None, show_header=False, pad_edge=False)
    built.add_column(style=FAINT, no_wrap=True)
    built.add_column(overflow="fold")
    for name, value in rows:
        built.add_row(_cell(name, NAME_CHARS), _cell(value, limit))
    return built


def status_word(status: str) -> Text:
    """A status in its own word; the colour only repeats what the word says."""
    styles = {"ok": GOOD, "passed": GOOD, "running": CAUTION, "interrupted": CAUTION, "not_run": FAINT}
    return Text(status.replace("_", " "), styles.get(status, BAD))


def ended(status: str, lost: Sequence[str], tests: int) -> Text:
    """How a run ended; of one that went to its end how many of its tests gave no numbers, by the statuses of those."""
    if status != "ok" or not lost:
        return status_word(status)
    how = lost[0].replace("_", " ") if len(set(lost)) == 1 else "without numbers"
    return Text(f"{len(lost)} of {tests} {how}", BAD)


def _cell(content: str | Text, limit: int) -> Text:
    return clean(content if isinstance(content, Text) else Text(cut(content, limit)))
