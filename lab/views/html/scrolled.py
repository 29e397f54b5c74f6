"""A plain table of a page."""

from __future__ import annotations

from lab.views.html.escape import attribute


def scrolled(heads: str, rows: str, name: str) -> str:
    """Return a table that scrolls by itself where it is wider than the page; all of it is HTML but the name."""
    head = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{attribute(name)}"><table class="plain">'
        f"{head}<tbody>{rows}</tbody></table></div>"
    )
