"""docs/words.md: the legend of all words as Markdown."""

from __future__ import annotations

from lab.analysis.legend import legend


def words() -> str:
    """Return a section with a table for each kind of word."""
    return "\n".join(_section(one.title, one.words) for one in legend())


def _section(title: str, rows: tuple[tuple[str, str], ...]) -> str:
    lines = [f"## {title}", "", "| word | meaning |", "|---|---|", *(f"| {word} | {text} |" for word, text in rows)]
    return "\n".join(lines) + "\n"
