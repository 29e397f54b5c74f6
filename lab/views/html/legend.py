"""What the words on the pages mean."""

from __future__ import annotations


def legend_html() -> str:
    """Return the words as a list that is folded."""
    return ""
