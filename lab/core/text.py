"""Text of strangers, made fit for a terminal and a record."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text without control characters, its lines joined by slashes."""
    joined = " / ".join(part.strip() for part in text.splitlines() if part.strip())
    return "".join(char for char in joined if char.isprintable())
