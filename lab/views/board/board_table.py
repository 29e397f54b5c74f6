"""A board for a terminal, a pipe or a log: the words carry the verdict, colour only repeats it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Board, BoardCell, BoardRow
from lab.analysis.boards.cell_text import plain_word, role_of
from lab.core.home import shown
from lab.core.text import clipped
from lab.core.units import counted
from lab.store import BadRun
from lab.views.board.cell_text import labels_of_all
from lab.views.board.columns import blocks, shared_names
from lab.views.table import BAD, FAINT, STYLES, spaced

REASONS = 20  # reasons that are written out below the table
FIRST_RUN = "lab run --target local --model phi3-mini-q4"


def board_table(board: Board, bad: Sequence[BadRun], width: int) -> RenderableType:
    """The board in blocks that fit the width, why what got worse did, and every run that could not be read."""
    parts: list[RenderableType] = [_head(board)]
    if not board.rows:
        parts.append(Text(_nothing(board)))
    else:
        drawn = blocks(board, names := shared_names(board), width)
        shared = ", ".join(f"{title} {clipped(name)}" for title, name in names.shared)
        parts += [Text(f"All of {shared}:", FAINT)] if shared else []
        parts += drawn.tables
        says_why = "reason" in {column.fact for column in board.columns} - set(drawn.left_out)
        parts += [part for part in (None if says_why else _reasons(board), _legend(board)) if part is not None]
    return spaced([*parts, *(Text(f"unreadable: {bad_words(one)}", BAD) for one in bad)])


def bad_words(one: BadRun) -> str:
    """The file and what is wrong with it."""
    return f"{shown(one.path)}: {clipped(one.why)}"


def _head(board: Board) -> RenderableType:
    lines = [Text.assemble((board.title, "bold"), f"  {clipped(board.description)}" if board.description else "")]
    if board.counts:
        verdicts = Text()
        for word, count in board.counts.items():
            verdicts.append(", " if verdicts else "").append(f"{count} {plain_word(word)}", STYLES[role_of(word)])
        against = f" (the newest compared with {board.baseline})" if board.baseline else ""
        lines.append(verdicts.append(against, FAINT))
    if board.open_regressions:
        many = counted(board.open_regressions, "open regression")
        lines.append(Text(f"{many}; `lab regressions` lists them", BAD))
    return Group(*lines)


def _nothing(board: Board) -> str:
    if board.runs:
        return f"None of the {board.runs} stored runs has anything for this dashboard."
    return f"No runs are recorded yet. Measure something first:\n\n    {FIRST_RUN}"


def _reasons(board: Board) -> RenderableType | None:
    """Why, for everything that got worse."""
    worse = [(row, cell) for row in board.rows for cell in row.cells if cell.role == "bad" and cell.reason]
    distinct = list({(cell.key, cell.under, cell.word): (row, cell) for row, cell in worse}.values())
    places = [_where(row, cell) for row, cell in distinct]
    lines = []
    for (row, cell), place in list(zip(distinct, places, strict=True))[:REASONS]:
        where = _where(row, cell, metric=places.count(place) > 1)
        lines.append(Text.assemble((plain_word(cell.word), BAD), f"  {clipped(where)}: {clipped(cell.reason)}"))
    more = len(distinct) - len(lines)
    lines += [Text(f"and {more} more: `lab dash compare --once` lists all", FAINT)] if more > 0 else []
    return Group(*lines) if lines else None


def _where(row: BoardRow, cell: BoardCell, *, metric: bool = False) -> str:
    """The names of the row and what the value is of; its metric where the same place has others."""
    title = value_on(cell.key, "metric") if metric and cell.key else ""
    return " ".join(filter(None, (*row.names, cell.note, title)))


def _legend(board: Board) -> RenderableType | None:
    common = labels_of_all(board)
    lines = [f"Every value: {', '.join(common)}."] if common else []
    lines += [f"Note: {clipped(note)}" for note in board.notes]
    lines += [f"Gate: {', '.join(plain_word(word) for word in board.gates)} may not be here."] if board.gates else []
    return Text("\n".join(lines), FAINT) if lines else None
