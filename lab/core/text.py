"""Text of strangers, made fit for a terminal and a record."""

from __future__ import annotations

LIMIT = 300


def printable(text: object, limit: int | None = None) -> str:
    """Return the text without control characters, its lines joined by slashes, and of that the first `limit`."""
    joined = " / ".join(part.strip() for part in str(text).splitlines() if part.strip())
    return "".join(char for char in joined if char.isprintable())[:limit]


def said(text: object) -> str:
    """Return the beginning of what a stranger said, as a part of one line."""
    return printable(text, LIMIT)
