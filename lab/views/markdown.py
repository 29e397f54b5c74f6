"""Markdown to paste into an issue, a pull request or a job's summary: the dialect of GitHub and GitLab."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.table import Column
from rich.text import Text

# What has a meaning wherever it stands; an underscore within a word has none, as in `decode_tok_per_s`.
MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|(?<=\s)#(?=#*$)")
# What has one at the beginning of a line: a heading, a quotation, an item of a list, a rule.
LEADING = re.compile(r"^(?:#|>|[-+](?=[\s\-]|$)|=+\s*$)")
NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
LINK = re.compile(r"(?i)(?:(?<=http)|(?<=https)|(?<=ftp)):(?=//)|(?<=\bwww)\.")
# What a site makes of the text that is shown: mentions and mail, numbers of issues, emoji. Spelt, since a backslash is
# gone by then.
SHOWN = re.compile(r"(?i)(?<!\w)@(?=\w)|@(?=[\w-]+\.\w)|#(?=\w)|:(?=[+\w-]*[a-z][+\w-]*:|[+-]1:|100:|1234:)")


def escaped(text: str) -> str:
    """Return the text so that it shows as it is: one line, no markup, no HTML, no mention, no link.

    No more of it is changed than that takes: the source is pasted, and read, too.
    """
    plain = "".join(char if char.isprintable() else " " for char in text).strip()
    plain = SHOWN.sub(lambda found: f"\0{ord(found[0])};", plain)
    plain = MARKUP.sub(r"\\\g<0>", plain).replace("<", "&lt;")
    plain = LINK.sub(r"\\\g<0>", plain)
    return NUMBERED.sub(r"\1\\\2", LEADING.sub(r"\\\g<0>", plain)).replace("\0", "&#")


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
