"""Markdown to paste into an issue, a pull request or a job's summary: the dialect of GitHub and GitLab."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.table import Column
from rich.text import Text

# All that a Markdown reader, HTML, a mention, an issue's number or a bare link gives a meaning.
SPECIAL = r"[\\`*_{}\[\]()#|<>&~@:$]"


def escaped(text: str) -> str:
    """Return the text so that it shows as it is: one line, no markup, no HTML, no mention, no link."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    plain = re.sub(SPECIAL, lambda match: f"&#{ord(match[0])};", plain)
    return re.sub(r"(?i)\bwww\.", "www&#46;", plain)


def markdown_table(columns: Iterable[Column], rows: Iterable[Iterable[str | Text]]) -> str:
    """Return what `lab.views.table.table` draws as a Markdown table: the same columns, the same rows, all escaped.

    Columns are those of `lab.views.table.left` and `right`. A line break in a title or a cell stays one.
    """
    columns = list(columns)
    rule = ["--:" if column.justify == "right" else "---" for column in columns]
    heads = [_cell(column.header) for column in columns]
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


def _cell(content: object) -> str:
    text = content.plain if isinstance(content, Text) else str(content)
    return "<br>".join(escaped(line) for line in text.splitlines())
