"""From a ratio and its interval to a word."""

from __future__ import annotations

from typing import Literal

from lab.formats.metrics import metric

Mark = Literal[
    "faster",
    "slower",
    "smaller",
    "bigger",
    "same",
    "unproven",
    "broke",
    "fixed",
    "missing",
    "new",
    "not-comparable",
]
ONE_SESSION = "unproven: 1 session a side"


def judge(name: str, ratio: float | None, interval: tuple[float, float] | None, floor: float) -> Mark:
    """Return the word for metric `name` whose B / A ratio is `ratio` with its 95 % `interval`.

    "same" when the whole interval lies within `floor` of 1; a difference when the ratio is off by `floor` or
    more and the interval leaves 1 out; everything between is "unproven".
    """
    if ratio is None or interval is None:
        return "unproven"
    low, high = interval
    if 1 - floor <= low and high <= 1 + floor:
        return "same"
    if abs(ratio - 1) >= floor and not low <= 1 <= high:
        return _word(name, ratio)
    return "unproven"


def _word(name: str, ratio: float) -> Mark:
    row = metric(name)
    if row.format == "bytes":
        return "bigger" if ratio > 1 else "smaller"
    better = (ratio > 1) == (row.better == "higher")
    return "faster" if better else "slower"
