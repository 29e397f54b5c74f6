"""The page: one file, no network, readable without its script, and nothing in it that a record could run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from lab.analysis.boards.board import Board
from lab.analysis.boards.cell_text import day_words, plain_word, role_of
from lab.store import BadRun
from lab.views.board.board_table import bad_words
from lab.views.html.charts import charts_html, data_json
from lab.views.html.escape import attribute, text
from lab.views.html.table import table_html

HERE = Path(__file__).parent
FIRST_RUN = "lab run --target local --model phi3-mini-q4"


def html_page(board: Board, bad: Sequence[BadRun] = ()) -> str:
    """Return the whole page. Everything that comes from records is escaped in lab.views.html.escape."""
    style, script = (HERE / "style.css").read_text("utf-8"), (HERE / "script.js").read_text("utf-8")
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    body = [_header(board), _words(board), table_html(board) if board.rows else _nothing(board)]
    body += [_reasons(board), charts_html(board.charts), _unreadable(bad)]
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{attribute(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">\n'
        f"<title>{text(board.title)} – lab</title>\n<style>{style}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + f'\n<script type="application/json" id="data">{data_json(board.charts)}</script>\n'
        f"<script>{script}</script>\n</body></html>\n"
    )


def _hash(content: str) -> str:
    """The content as a Content-Security-Policy names what may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _header(board: Board) -> str:
    facts = f"{board.runs} runs, the newest of {day_words(board.newest_s)} UTC" if board.runs else "no runs yet"
    against = f". The newest sessions are held against {text(board.baseline)}" if board.baseline else ""
    return (
        f'<header><p class="brand">lab · dashboard {text(board.name)}</p><h1>{text(board.title)}</h1>'
        f'<p>{text(board.description)}</p><p class="faint">{facts}{against}.</p></header>'
    )


def _words(board: Board) -> str:
    chips = "".join(
        f'<button type="button" class="chip {role_of(word)}" data-word="{attribute(word)}" aria-pressed="false">'
        f"<b>{count}</b> {text(plain_word(word))}</button>"
        for word, count in board.counts.items()
    )
    gate = f'<p class="bad">Gate: {text(", ".join(map(plain_word, board.gates)))} may not be here.</p>'
    search = '<label class="script-only">Filter rows <input type="search" id="filter" autocomplete="off"></label>'
    shown_rows = '<output id="shown" class="faint script-only"></output>'
    return f'<div class="controls">{chips}{search}{shown_rows}</div>{gate if board.gates else ""}'


def _nothing(board: Board) -> str:
    if board.runs:
        return f"<p>None of the {board.runs} stored runs has anything for this dashboard.</p>"
    return f"<p>No runs are recorded yet. Measure something first:</p><pre>{text(FIRST_RUN)}</pre>"


def _reasons(board: Board) -> str:
    notes = "".join(f"<li>{text(note)}</li>" for note in board.notes)
    return f'<ul class="faint">{notes}</ul>' if notes else ""


def _unreadable(bad: Sequence[BadRun]) -> str:
    if not bad:
        return ""
    items = "".join(f"<li>{text(bad_words(one))}</li>" for one in bad)
    return f'<section><h2>Runs that could not be read</h2><ul class="unreadable">{items}</ul></section>'
