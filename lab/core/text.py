"""Untrusted text, made fit for a terminal and a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LIMIT = 300
SHOWN_CHARS = 500  # of one text in a view; --json has all of it


_WHOLE: ContextVar[bool] = ContextVar("whole", default=False)


@contextmanager
def whole_texts() -> Iterator[None]:
    """Cut no text within the block, however long."""
    token = _WHOLE.set(True)
    try:
        yield
    finally:
        _WHOLE.reset(token)


def printable(text: object, limit: int | None = None) -> str:
    """Return the text without control characters, its lines joined by slashes, and of that the first `limit`."""
    whole = str(text)
    if whole.isprintable():  # as nearly all are, and then it is one line
        return whole.strip()[:limit]
    joined = " / ".join(part.strip() for part in whole.splitlines() if part.strip())
    return "".join(char for char in joined if char.isprintable())[:limit]


def clipped(text: object, limit: int = SHOWN_CHARS) -> str:
    """Return the same; a text of more than `limit` characters ends with how many it has."""
    return cut(printable(text), limit)


def cut(text: str, limit: int) -> str:
    """Return the text, a long one as its beginning and how long it is; not cleaned."""
    return text if len(text) <= limit or _WHOLE.get() else f"{text[:limit]}… ({len(text)} characters)"


def said(text: object) -> str:
    """Return the beginning of what a stranger said, as a part of one line."""
    return printable(text, LIMIT)
