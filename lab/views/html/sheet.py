"""What the script of a page gets to know of its charts: where points are, and what each is of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from lab.views.html.escape import data
from lab.views.html.links import COMMIT, Links


class Spot(NamedTuple):
    """One point: where it is, what it says, and of which run it is."""

    x: float
    y: float
    says: str
    run_id: str
    at_s: int
    commit: str
    note: str = ""


class Sheet:
    """Collects the charts of one page; runs are named once."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._runs: dict[tuple[str, int, str, str], int] = {}
        self._charts: list[Any] = []

    def chart(self, series: Iterable[Iterable[Spot]]) -> int:
        """Add a chart and return its number."""
        self._charts.append([[self._point(spot) for spot in spots] for spots in series])
        return len(self._charts) - 1

    def json(self) -> str:
        """Return all of it as the text of a data block."""
        return data({"runs": [list(run) for run in self._runs], "charts": self._charts})

    def _point(self, spot: Spot) -> list[Any]:
        run = (spot.run_id, spot.at_s, spot.commit[:COMMIT], self._links.run_address(spot.run_id))
        number = self._runs.setdefault(run, len(self._runs))
        return [number, round(spot.x), round(spot.y, 1), spot.says, *([spot.note] if spot.note else [])]
