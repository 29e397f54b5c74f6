"""How a notebook shows what lab returns: `lab.open` and `lab.run` bring the views that draw it, and no layer below them
has to know of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DRAWN_BY: dict[str, Callable[[Any], str]] = {}  # the name of a class -> what makes HTML of one


def html_of(one: object) -> str | None:
    """Return the HTML of a record or a comparison; None, which is its plain text, where nothing draws it."""
    draw = DRAWN_BY.get(type(one).__name__)
    return None if draw is None else draw(one)
