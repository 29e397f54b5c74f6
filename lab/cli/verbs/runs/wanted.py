"""Which runs `lab runs` lists: its options, checked, as one test of a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from lab.analysis.listing import RunLine
from lab.cli.recorded import check_names as check_recorded
from lab.core.errors import UsageError
from lab.core.suggest import check_known
from lab.jobs.options import ENGINES

UNITS = {"h": 1 / 24, "d": 1.0, "w": 7.0}  # days
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # before every run
HINT = "write a day as 2026-11-24, or an age as 12h, 7d or 2w"


def check_wanted(
    *, since: str | None, engine: str | None, tag: str | None, status: str | None
) -> Callable[[RunLine], bool]:
    """Return the test of a line; UsageError for a date that is none."""
    begin = None if since is None else _seconds(since)

    def test(line: RunLine) -> bool:
        return (
            (begin is None or line.created_s >= begin)
            and engine in (None, line.engine)
            and (tag is None or tag in line.tags)
            and (status is None or status in _statuses(line))
        )

    return test


def _statuses(line: RunLine) -> tuple[str, ...]:
    """How it ended, or where it went to its end how those of its tests ended that gave no numbers."""
    return line.lost if line.status == "ok" and line.lost else (line.status, *line.lost)


def check_names(
    lines: list[RunLine], *, target: str | None, model: str | None, engine: str | None, tag: str | None
) -> None:
    """Raise UsageError, with the nearest name, for one that no run has and nothing defines."""
    if not lines and (target or model):
        check_recorded(target, model)
    if engine is not None:
        check_known("engine", engine, [*ENGINES, *(line.engine for line in lines if line.engine)])
    if tag is not None and lines:
        check_known("tag", tag, [name for line in lines for name in line.tags])


def _seconds(text: str) -> float:
    """Return when a day began, UTC, or what was so long ago, in seconds since 1970."""
    age = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if age:
        now = datetime.now(UTC)
        return (now - min(timedelta(days=int(age[1]) * UNITS[age[2]]), now - EPOCH)).timestamp()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text[:60]!r}: not a date", hint=HINT) from None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH).total_seconds()
