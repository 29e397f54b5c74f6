"""Which runs `lab runs` lists: its options, checked, as one test of a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from lab.analysis.listing import RunLine
from lab.core.errors import UsageError
from lab.core.home import definitions
from lab.core.suggest import unknown
from lab.jobs.options import ENGINES

UNITS = {"h": 1 / 24, "d": 1.0, "w": 7.0}  # days
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
            and status in (None, line.status)
        )

    return test


def check_names(
    lines: list[RunLine], *, target: str | None, model: str | None, engine: str | None, tag: str | None
) -> None:
    """Raise UsageError, with the nearest name, for one that no run has and nothing defines."""
    if not lines and (target or model):
        _check_defined(target, model)
    if engine is not None:
        _check("engine", engine, [*ENGINES, *(line.engine for line in lines if line.engine)])
    if tag is not None and lines:
        _check("tag", tag, [name for line in lines for name in line.tags])


def _check_defined(target: str | None, model: str | None) -> None:
    """Tell a name that is mistyped from one that has no runs yet."""
    from lab.analysis.listing import lines_of
    from lab.analysis.points.load import load_points
    from lab.models.catalog import model_ids

    lines = lines_of(load_points().points)
    if target is not None:
        _check("target", target, [*definitions("targets"), *(line.target for line in lines)])
    if model is not None:
        recorded = [name for line in lines for name in (line.model.partition("@")[0], line.model)]
        _check("model", model, [*model_ids(), *recorded])


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    names = list(dict.fromkeys(known))
    if name not in names:
        raise UsageError(unknown(kind, name, names))


def _seconds(text: str) -> float:
    """Return when a day began, UTC, or what was so long ago, in seconds since 1970."""
    age = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if age:
        return (datetime.now(UTC) - timedelta(days=int(age[1]) * UNITS[age[2]])).timestamp()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text[:60]!r}: not a date", hint=HINT) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
