"""Numbers as horizontal bars of one scale, with eighths of a column."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"


def bar(value: float, most: float, width: int) -> str:
    """Return a bar as long as `value` is of `most`, at the most `width` columns; nothing for what is not above 0."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(round(min(value / most, 1.0) * width * 8), 1)
    return (FULL * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def bars(rows: Sequence[tuple[str, float | None, str]], width: int) -> list[str]:
    """Return a line for each (name, value, value as people read it), all on one scale; no value has no bar."""
    names = max((len(name) for name, _, _ in rows), default=0)
    texts = max((len(text) for _, _, text in rows), default=0)
    most = max((value for _, value, _ in rows if value is not None), default=0.0)
    room = max(width - names - texts - 2, 4)
    return [f"{name:<{names}} {text:>{texts}} {bar(value or 0.0, most, room)}".rstrip() for name, value, text in rows]
