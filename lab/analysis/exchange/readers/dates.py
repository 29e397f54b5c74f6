"""When rows were measured that do not say it, or cannot know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lab.analysis.exchange.readers.fields import FIRST_YEAR, Fields
from lab.core.errors import ForeignFileError, UsageError


@dataclass(frozen=True)
class Dates:
    """`given` is what the user says, as records spell times; `changed_at` the time of the file, seconds since 1970."""

    given: str | None = None
    changed_at: float | None = None

    def of(self, row: Fields, name: str) -> str:
        """Return the time in column `name`, or the given one where that cannot be. UndatedError where there is none."""
        if self.given is None:
            return row.time(name)
        try:
            return row.time(name)
        except ForeignFileError:  # missing, in 1970 or yet to come: the user knows better
            return self.given

    def without(self) -> str:
        """Return the time of rows that have no column for it: the given one, else the file's, else now."""
        if self.given is not None:
            return self.given
        now = datetime.now(UTC)
        changed_s = now.timestamp() if self.changed_at is None else self.changed_at  # may lie beyond every date
        at = datetime.fromtimestamp(max(min(changed_s, now.timestamp()), 0), UTC)
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def given_date(text: str) -> str:
    """Return the date or time that a user gives as records spell it; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--date {text!r}: not a date", hint="write it as 2026-11-24 or 2026-11-24T16:29:16Z"
        ) from None
    if at.year < FIRST_YEAR or at > datetime.now(UTC) + timedelta(days=1):
        raise UsageError(
            f"--date {text}: in the future, or before {FIRST_YEAR}", hint="give the day of the measurement"
        )
    return f"{min(at, datetime.now(UTC)):%Y-%m-%dT%H:%M:%SZ}"
