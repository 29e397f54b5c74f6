"""The page of a dashboard: its words, its tables, its charts."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.boards.board import Board
from lab.analysis.boards.cell_text import day_words, plain_word, role_of
from lab.analysis.pages.changed import ChangeHistory
from lab.core.units import counted
from lab.store import BadRun
from lab.views.board.board_table import bad_words
from lab.views.html.change_charts import change_charts_html
from lab.views.html.charts import charts_html
from lab.views.html.escape import attribute, text
from lab.views.html.legend import legend_html
from lab.views.html.links import NO_LINKS, Links
from lab.views.html.row_keys import row_keys
from lab.views.html.sheet import Sheet
from lab.views.html.shell import document
from lab.views.html.table import tables_html

CHANGES = "regressions"  # the dashboard of change points
FIRST_RUN = "lab run --target local --model phi3-mini-q4"


def html_page(
    board: Board,
    bad: Sequence[BadRun] = (),
    changes: Sequence[ChangeHistory] = (),
    links: Links = NO_LINKS,
    nav: str = "",
) -> str:
    """Return the whole page. Everything that comes from records is escaped in lab.views.html.escape.

    `changes` are the change points of a dashboard about them: each has a chart, in place of the dashboard's own.
    """
    sheet, keys = Sheet(links), row_keys(board)
    tables = tables_html(board, links, keys) if board.rows else _nothing(board)
    charts = change_charts_html(changes, sheet, links, keys) or charts_html(board.charts, sheet, links, keys)
    body = [_header(board, links), _words(board), tables, _notes(board), charts, _unreadable(bad), legend_html()]
    return document(board.title, body, sheet, nav)


def _header(board: Board, links: Links) -> str:
    newest = f", the newest of {day_words(board.newest_s)} UTC"
    facts = f"{counted(board.runs, 'run')}{newest}" if board.runs else "no runs yet"
    against = f". The newest sessions are compared with {text(board.baseline)}" if board.baseline else ""
    return (
        f'<header><p class="brand">lab · dashboard {text(board.name)}</p><h1>{text(board.title)}</h1>'
        f'<p>{text(board.description)}</p><p class="faint">{facts}{against}.</p>{_open(board, links)}</header>'
    )


def _open(board: Board, links: Links) -> str:
    """How many regressions are open, with a link to where they are shown."""
    if not board.open_regressions:
        return ""
    shown = counted(board.open_regressions, "open regression")
    return f'<p class="bad">{links.page(CHANGES, shown)}</p>'


def _words(board: Board) -> str:
    chips = "".join(
        f'<button type="button" class="chip {role_of(word)}" data-word="{attribute(word)}" aria-pressed="false">'
        f"<b>{count}</b> {text(plain_word(word))}</button>"
        for word, count in board.counts.items()
    )
    gate = f'<p class="bad">Gate: {text(", ".join(map(plain_word, board.gates)))} may not be here.</p>'
    if not board.rows:
        return gate if board.gates else ""
    search = '<label class="script-only">Filter rows <input type="search" id="filter" autocomplete="off"></label>'
    shown_rows = '<output id="shown" class="faint script-only"></output>'
    return f'<div class="controls">{chips}{search}{shown_rows}</div>{gate if board.gates else ""}'


def _nothing(board: Board) -> str:
    if board.runs and board.judged_series:
        looked = f"{board.judged_series} series were long enough to look" if board.judged_series > 1 else "1 series was"
        return f"<p>No change point: {looked}.</p>"
    if board.runs:
        return f"<p>None of the {counted(board.runs, 'stored run')} has anything for this dashboard.</p>"
    return f"<p>No runs are recorded yet. Measure something first:</p><pre>{text(FIRST_RUN)}</pre>"


def _notes(board: Board) -> str:
    notes = "".join(f"<li>{text(note)}</li>" for note in board.notes)
    return f'<ul class="faint">{notes}</ul>' if notes else ""


def _unreadable(bad: Sequence[BadRun]) -> str:
    if not bad:
        return ""
    items = "".join(f"<li>{text(bad_words(one))}</li>" for one in bad)
    return f'<section><h2>Runs that could not be read</h2><ul class="unreadable">{items}</ul></section>'
