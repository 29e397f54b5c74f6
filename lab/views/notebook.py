"""Runs and comparisons in a notebook: the tables of the terminal as HTML, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.formats.notebook import DRAWN_BY

if TYPE_CHECKING:
    from rich.table import Column
    from rich.text import Text

    from lab.analysis.compare.axis import Table
    from lab.formats.run_record import RunRecord


def draw_in_notebooks() -> None:
    """Let notebooks show records and comparisons; what draws them is imported when one is shown."""
    DRAWN_BY.update({"RunRecord": run_html, "Table": comparison_html})


def run_html(record: RunRecord) -> str:
    """Return the tests of a run, its environment, and what to know before believing it."""
    from lab.views.runs.run_markdown import facts_of, tests_table

    head = f"{record.target.name} {record.model.label} {record.engine.name}"
    return "\n".join([_heading(head), html_table(*tests_table([record])), _list(facts_of(record))])


def comparison_html(found: Table) -> str:
    """Return the page of `lab compare`."""
    from lab.views.compare.page import parts_of

    page = parts_of(found)
    parts = [_heading(page.head[0]), *(_paragraph(line) for line in [*page.head[1:], *page.answers])]
    for one in page.sheets:
        parts += [*([_heading(one.title)] if one.title else []), html_table(one.columns, one.rows)]
    return "\n".join([*parts, _list([*page.notes, *page.reasons]), *map(_paragraph, page.legend)])


def html_table(columns: Iterable[Column], rows: Iterable[Iterable[str | Text]]) -> str:
    """Return what `lab.views.table.table` draws as an HTML table: the same columns, the same rows."""
    columns = list(columns)
    sides = ["right" if column.justify == "right" else "left" for column in columns]
    heads = "".join(_cell("th", column.header, side) for column, side in zip(columns, sides, strict=True))
    lines = ("".join(_cell("td", one, side) for one, side in zip(row, sides, strict=True)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _cell(tag: str, content: object, side: str) -> str:
    shown = "<br>".join(_escaped(line) for line in str(content).splitlines())
    return f'<{tag} style="text-align: {side}">{shown}</{tag}>'


def _heading(line: str) -> str:
    return f"<p><strong>{_escaped(line)}</strong></p>"


def _paragraph(line: str) -> str:
    return f"<p>{_escaped(line)}</p>"


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_escaped(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _escaped(line: object) -> str:
    from lab.views.html.escape import text

    return text(line)
