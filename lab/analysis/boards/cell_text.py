"""What stands in a cell of a board, as people read it."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.analysis.judging.verdict import Verdict
from lab.core.units import change
from lab.formats.metrics import METRICS, NOT_MEASURED, format_value
from lab.formats.verdicts import VERDICTS, Role, word_label

NO_NUMBERS = ("failed", "rejected", "wrong_output", "interrupted", "not_run")
# Statuses that stand where a word would: how bad they are, and in which colour; see lab.formats.verdicts.
STATUSES: dict[str, tuple[int, Role]] = {
    "failed": (9, "bad"),
    "wrong output": (9, "bad"),
    "rejected": (5, "bad"),
    "interrupted": (0, "caution"),
    "not run": (0, "caution"),
}


def rank_of(word: str) -> int:
    """Return how bad a verdict or a status is: what is highest stands first where there is room for one only."""
    return VERDICTS[word].rank if word in VERDICTS else STATUSES.get(word, (0, "plain"))[0]


def role_of(word: str) -> Role:
    """Return the role whose colour repeats the word."""
    return VERDICTS[word].role if word in VERDICTS else STATUSES.get(word, (0, "plain"))[1]


def value_words(metric: str, value: float | None) -> str:
    """Return the value with its unit."""
    return format_value(metric, value) if metric in METRICS else NOT_MEASURED


def ratio_words(verdict: Verdict) -> str:
    """Return b / a as people read a change: `+3.2 %`."""
    return NOT_MEASURED if verdict.ratio is None else change(verdict.ratio)


def interval_words(verdict: Verdict) -> str:
    """Return the 95 % interval of the ratio, as changes."""
    if verdict.interval is None:
        return NOT_MEASURED
    low, high = verdict.interval
    return f"{change(low)} to {change(high)}"


def day_words(at_s: int) -> str:
    """Return when, to the minute: `2026-11-24 16:05`, UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")


def plain_word(word: str) -> str:
    """Return a verdict or a status as it is shown: `inconclusive`, `not comparable`."""
    return word_label(word)


def cut(text: str, limit: int) -> str:
    """Return the text, or as many whole words of it as fit, with an ellipsis."""
    if len(text) <= limit:
        return text
    short = text[: limit - 1]
    return (short.rpartition(" ")[0] if " " in short else short) + "…"
