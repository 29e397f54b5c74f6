"""One row of a stranger's file, read column by column; what does not fit names file, row and column."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from lab.core.errors import ForeignFileError
from lab.core.jsonio import parse_json
from lab.core.text import LIMIT, printable

MAX_INTEGER = 2**63 - 1
MAX_TOKENS = 2**31 - 1
MAX_RATE = 1e12  # tokens/s; nothing is near it
LEAST = 1e-100  # as small as a number above 0 may be: smaller ones cannot be computed with
AHEAD = timedelta(hours=1)  # as far as clocks of two machines may reasonably differ
EAST = timedelta(hours=14)  # as far as local time is ahead of UTC anywhere
FIRST_YEAR = 2000
DATE_HINT = "say when it was with --date"


class UndatedError(ForeignFileError):
    """A row has a time at which nobody can have measured it: the clock of its machine was not set.

    `reason` is the same without the file and the row.
    """

    reason = ""


@dataclass(frozen=True)
class Fields:
    """The columns of row `row` (1 is the first) of `file`; `prefix` is the way to them in a nested document."""

    file: str
    row: int
    columns: Mapping[str, Any]
    prefix: str = ""

    def fail(self, name: str, problem: str) -> NoReturn:
        """Raise the error for column `name`."""
        raise ForeignFileError(f"{self.file}: row {self.row}: {self.prefix}{printable(name, LIMIT)}: {problem}")

    def has(self, name: str) -> bool:
        """Whether the column is there and says something."""
        return self.columns.get(name) is not None

    def inner(self, name: str) -> Fields:
        """Return the columns of the object in column `name`; none where it is null or left out."""
        found = self.columns.get(name)
        if not isinstance(found, dict | None):
            self.fail(name, f"expected an object, got {shown(found)}")
        return Fields(self.file, self.row, found or {}, f"{self.prefix}{name}.")

    def text(self, name: str, default: str | None = None) -> str:
        """Return the text of a column, fit for a terminal; without `default` it has to be there."""
        found = self.columns.get(name)
        if found is None and default is not None:
            return default
        if not isinstance(found, str):
            self.fail(name, "missing" if found is None else f"expected text, got {shown(found)}")
        return printable(found, LIMIT)

    def whole(self, name: str, *, least: int = 0, most: int = MAX_INTEGER, default: int | None = None) -> int:
        """Return a whole number; its digits as text will do, since CSV and SQL have nothing else, and `7000.0` too."""
        found = self.columns.get(name)
        if found is None and default is not None:
            return default
        number = _whole(found)
        if number is None:
            self.fail(name, "missing" if found is None else f"expected a whole number, got {shown(found)}")
        if not least <= number <= most:
            self.fail(name, f"{shown(found)} is not between {least} and {most}")
        return number

    def number(self, name: str, *, most: float = MAX_RATE, positive: bool = False) -> float:
        """Return a finite number from 0 to `most`, above 0 where it has to be `positive`."""
        return self._number(name, self.columns.get(name), most, positive)

    def numbers(self, name: str, *, most: float = MAX_RATE) -> tuple[float, ...]:
        """Return a list of numbers above 0; empty where the column is left out."""
        found = self.columns.get(name)
        if isinstance(found, str) and found.startswith("["):  # as a data frame writes a list into a CSV
            found = parse_json(found, where=f"{self.file}: row {self.row}: {name}", error=ForeignFileError)
        if not isinstance(found, list | None):
            self.fail(name, f"expected a list, got {shown(found)}")
        return tuple(self._number(f"{name}[{i}]", one, most, True) for i, one in enumerate(found or []))

    def maybe(self, name: str, *, most: float = MAX_RATE) -> float | None:
        """Return a number, or None where nothing is said."""
        return self.number(name, most=most) if self.has(name) else None

    def about(self, name: str) -> float | None:
        """Return a number that nothing depends on; None where there is none that makes sense."""
        value = _number(self.columns.get(name))
        return value if value is not None and math.isfinite(value) and value >= 0 else None

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes or no; 0 and 1 will do, as numbers and as text, and a data frame's True and False."""
        found = self.columns.get(name)
        known = {True: True, False: False, "0": False, "1": True, "true": True, "false": False}
        if found is None:
            return default
        plain = found.lower() if isinstance(found, str) else found
        if not isinstance(plain, bool | int | float | str) or plain not in known:
            self.fail(name, f"expected true or false, got {shown(found)}")
        return known[plain]

    def time(self, name: str) -> str:
        """Return a time as records spell it, in UTC and to the second; one that is yet to come is an error.

        A time without a zone is taken for UTC, and where that is yet to come for that of a place east of it.

        Raises:
            UndatedError: it is of before anybody measured such things.
        """
        at, local = self._time(name)
        now = datetime.now(UTC)
        if at.year < FIRST_YEAR:
            raise self._undated(name)
        if local and now + AHEAD < at <= now + EAST + AHEAD:
            at -= timedelta(hours=math.ceil((at - now) / timedelta(hours=1)))
        if at > now + AHEAD:
            self.fail(name, f"{at:%Y-%m-%dT%H:%M:%SZ} is in the future")
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"

    def _undated(self, name: str) -> UndatedError:
        reason = f"{self.prefix}{name}: {self.text(name)} is before the first possible measurement"
        problem = UndatedError(f"{self.file}: row {self.row}: {reason}", hint=DATE_HINT)
        problem.reason = reason
        return problem

    def written_time(self, name: str) -> str:
        """Return the time as it stands, to the second and taken for UTC; "" where there is none."""
        return f"{self._time(name)[0]:%Y-%m-%dT%H:%M:%SZ}" if self.has(name) else ""

    def _time(self, name: str) -> tuple[datetime, bool]:
        """The time, and whether it came without a zone."""
        text = self.text(name)
        try:
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), at.tzinfo is None
        except (ValueError, OverflowError):
            self.fail(name, f"expected a time such as 2026-11-24T16:29:16Z, got {shown(text)}")

    def _number(self, name: str, found: object, most: float, positive: bool) -> float:
        value = _number(found)
        if value is None:
            self.fail(name, "missing" if found is None else f"expected a number, got {shown(found)}")
        if not math.isfinite(value):
            self.fail(name, f"{shown(found)} is not a finite number")
        if not 0 <= value <= most or (positive and value < LEAST):
            self.fail(name, f"{shown(found)} is not {'above' if positive else 'at least'} 0 and at most {most:g}")
        return value


_DIGITS = re.compile(r"-?[0-9]+(\.0*)?")


def shown(value: object) -> str:
    """Return the value as an error message quotes it."""
    try:
        return printable(json.dumps(value, ensure_ascii=False), 60)
    except (ValueError, TypeError):  # an integer of more digits than Python spells
        return "a huge number"


def _whole(found: object) -> int | None:
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, float):  # a data frame has no whole numbers in a column with gaps
        return int(found) if found.is_integer() and abs(found) <= 2.0**53 else None
    if isinstance(found, str) and len(found) <= 24 and _DIGITS.fullmatch(found):
        return int(found.partition(".")[0])
    return None


def _number(found: object) -> float | None:
    try:
        return None if isinstance(found, bool) or not isinstance(found, int | float | str) else float(found)
    except (ValueError, OverflowError):
        return math.inf if isinstance(found, int) else None
