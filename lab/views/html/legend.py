"""What the words on the pages mean."""

from __future__ import annotations

from lab.analysis.legend import legend
from lab.views.html.escape import text


def legend_html() -> str:
    """Return the words as a list that is folded."""
    sections = "".join(f"<p><b>{text(one.title)}</b></p><dl>{_words(one.words)}</dl>" for one in legend())
    return f'<details class="legend-words"><summary>Legend: what the words mean</summary>{sections}</details>'


def _words(words: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"<dt>{text(word)}</dt><dd>{text(meaning)}</dd>" for word, meaning in words)
