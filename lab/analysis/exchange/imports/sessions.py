"""Which tests are of one session: the same subject, close in time, and no test twice.

Tests are placed one by one in the order of time. So a file that grows while it is imported again and again gives the
same runs as the whole file at once: what is stored already is where the next test is placed.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lab.formats.test import Test

GAP_S = 3600.0  # from the end of one test to the begin of the next; a nightly job's sessions are a day apart
LONGEST_S = 86400.0
R = TypeVar("R")


@dataclass
class _Burst(Generic[R]):
    """Sessions of one subject that follow each other without a gap, in the order of their first tests."""

    start_s: float
    end_s: float
    runs: list[R] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)
    tests: list[set[Test]] = field(default_factory=list)

    def takes(self, at_s: float) -> bool:
        """Whether a test at this time is of the same burst."""
        return self.start_s - GAP_S <= at_s <= min(self.end_s + GAP_S, self.start_s + LONGEST_S)

    def place_of(self, at_s: float, test: Test) -> int | None:
        """Return the place of the run that was going on at this time; None where it has the test already."""
        place = max(bisect_right(self.starts_s, at_s) - 1, 0)
        return place if self.runs and test not in self.tests[place] else None

    def add(self, run: R, start_s: float, end_s: float, tests: set[Test]) -> None:
        """Add a run that began then."""
        place = bisect_right(self.starts_s, start_s)
        self.runs.insert(place, run)
        self.starts_s.insert(place, start_s)
        self.tests.insert(place, tests)
        self.extend(start_s, end_s)

    def extend(self, start_s: float, end_s: float) -> None:
        """Make the burst reach over this time as well."""
        self.start_s, self.end_s = min(self.start_s, start_s), max(self.end_s, end_s)


class Sessions(Generic[R]):
    """The runs of many subjects, each with the tests that it has."""

    def __init__(self) -> None:
        self._bursts: dict[str, list[_Burst[R]]] = defaultdict(list)

    def have(self, subject: str, run: R, start_s: float, end_s: float, tests: set[Test]) -> None:
        """Note a run that is stored already; they have to come in the order of time."""
        burst = self._burst(subject, start_s) or self._new(subject, start_s)
        burst.add(run, start_s, end_s, set(tests))

    def run_for(self, subject: str, at_s: float, took_s: float, test: Test) -> R | None:
        """Return the run that a test belongs to; None where it begins a new one, which `begin` then notes."""
        burst = self._burst(subject, at_s)
        place = burst.place_of(at_s, test) if burst is not None else None
        if burst is None or place is None:
            return None
        burst.extend(at_s, at_s + took_s)
        burst.tests[place].add(test)
        return burst.runs[place]

    def begin(self, subject: str, run: R, at_s: float, took_s: float, test: Test) -> None:
        """Note the run that begins with this test."""
        burst = self._burst(subject, at_s) or self._new(subject, at_s)
        burst.add(run, at_s, at_s + took_s, {test})

    def _burst(self, subject: str, at_s: float) -> _Burst[R] | None:
        bursts = self._bursts[subject]
        place = bisect_right(bursts, at_s + GAP_S, key=_start)
        return next((one for one in reversed(bursts[max(place - 2, 0) : place]) if one.takes(at_s)), None)

    def _new(self, subject: str, at_s: float) -> _Burst[R]:
        burst: _Burst[R] = _Burst(at_s, at_s)
        insort(self._bursts[subject], burst, key=_start)
        return burst


def _start(burst: _Burst[R]) -> float:
    return burst.start_s
