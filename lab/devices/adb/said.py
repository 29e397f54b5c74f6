"""What a device says, made fit to be shown."""

from __future__ import annotations

MAX_CHARS = 300


def plain(text: str) -> str:
    """Return `text` as one line of printable characters: nothing that a terminal would obey."""
    words = " ".join(text.split())
    return "".join(char for char in words if char.isprintable())[:MAX_CHARS]
