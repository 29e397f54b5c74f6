"""The sessions of one cell, from the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.cell_text import day_words, value_words
from lab.analysis.boards.lines import Line, lines_of
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.points.table import STATUSES, Points


@dataclass(frozen=True)
class Session:
    """One session's value, as words, and its run."""

    run_id: str
    place: str
    when: str
    value: str
    repetitions: int
    status: str
    reason: str
    commit: str
    tags: tuple[str, ...]
    against_newest: float | None


def sessions_of(points: Points, key: CellKey, under: str = "", limit: int = 1000) -> tuple[Session, ...]:
    """Return the sessions of the cell's series that is named `under`, newest first, and those without numbers."""
    lines, mine = lines_of(points), Line(key, under)
    places = _places(points, lines, mine)
    if mine != mine.base:
        whole = _places(points, lines, mine.base)
        lost = whole[points.status[whole] != STATUSES.index("ok")]
        places = np.union1d(places, lost[~np.isin(points.run[lost], points.run[places])])
    places = places[::-1][:limit]
    newest = next((float(points.value[at]) for at in places if np.isfinite(points.value[at])), None)
    return tuple(_session(points, int(at), key.metric, newest) for at in places)


def _places(points: Points, lines: Sequence[Line], line: Line) -> NDArray[np.intp]:
    """The places of the points of a line, oldest first."""
    wanted = np.fromiter((one == line for one in lines), np.bool_, len(lines))
    return np.flatnonzero(wanted[points.series]) if len(points) else np.zeros(0, np.intp)


def _session(points: Points, at: int, metric: str, newest: float | None) -> Session:
    run, runs = int(points.run[at]), points.runs
    value, why = float(points.value[at]), int(points.reason[at])
    number = value if np.isfinite(value) else None
    return Session(
        run_id=runs.run_id[run],
        place=runs.place[run],
        when=day_words(int(runs.created_s[run])),
        value=value_words(metric, number) if metric != STATUS else "",
        repetitions=int(points.n[at]),
        status=STATUSES[points.status[at]].replace("_", " "),
        commit=runs.commit[run][:7] + ("+" if runs.dirty[run] else ""),
        tags=runs.tags[run],
        reason=points.reasons[why] if why >= 0 else "",
        against_newest=number / newest if number and newest else None,
    )
