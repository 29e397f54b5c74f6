"""The series that have a page, and the runs that have one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.analysis.boards.axes import lets_through, value_on
from lab.analysis.boards.lines import Line, lines_of
from lab.analysis.boards.newest import Newest, newest_of_lines
from lab.analysis.history.regression import Regression
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import Points
from lab.formats.dashboard import FilterSpec
from lab.formats.metrics import METRICS

NAMED = ("target", "model", "engine", "test")
LONGEST = 110  # characters of a file's name before its digest


@dataclass(frozen=True, kw_only=True)
class Place:
    """One test of a model on a target in an engine, under conditions of its own: all its metrics over all its sessions.

    `line` is that of the whole (its metric is STATUS), `slug` the name of its page, `status` all its sessions.
    `metrics` and `changes` are by metric, those in the order of lab.formats.metrics.
    """

    line: Line
    slug: str
    status: Newest
    metrics: Mapping[str, Newest]
    changes: Mapping[str, tuple[Regression, ...]]

    @property
    def title(self) -> str:
        """What it is of, as text of records: to be escaped."""
        return " ".join(filter(None, (*(value_on(self.line.cell, axis) for axis in NAMED), self.line.under)))


def places_on(points: Points, changes: Sequence[Regression], filters: FilterSpec) -> list[Place]:
    """Return the places that the filters let through, by name; `changes` are all change points of the store."""
    lines = lines_of(points)
    of_key = dict(zip(points.keys, lines, strict=True))
    changed: dict[Line, list[Regression]] = {}
    for change in changes:
        if change.key in of_key:
            changed.setdefault(of_key[change.key], []).append(change)
    newest = {line: one for line, one in newest_of_lines(points, lines).items() if lets_through(filters, line.cell)}
    metrics: dict[Line, dict[str, Newest]] = {}
    for line, one in newest.items():
        if line.cell.metric in METRICS and len(one.sound):
            metrics.setdefault(line.base, {})[line.cell.metric] = one
    wholes = sorted((line for line in newest if line.cell.metric == STATUS), key=lambda line: (line.cell, line.under))
    return [
        Place(
            line=line,
            slug=slug_of(line),
            status=newest[line],
            metrics={name: found[name] for name in METRICS if name in found},
            changes={name: tuple(changed.get(_metric(line, name), ())) for name in found},
        )
        for line in wholes
        for found in [metrics.get(line, {})]
    ]


def _metric(line: Line, name: str) -> Line:
    return replace(line, cell=replace(line.cell, metric=name))


def slug_of(line: Line) -> str:
    """Return the name of the page of the line's place: readable, safe as a file's name, and no other place's."""
    parts = [value_on(line.cell, axis) for axis in NAMED]
    digest = hashlib.sha256(repr((*parts, line.under)).encode()).hexdigest()[:10]
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", "--".join(parts)).strip("-.+")[:LONGEST]
    return f"{plain or 'series'}--{digest}"


def runs_with_pages(places: Sequence[Place], newest: int) -> dict[int, int | None]:
    """Return the codes of the runs that have a page, each with that of the run before it in its series, if any.

    They are the `newest` of each place, and those on both sides of every change point.
    """
    found: dict[int, int | None] = {}
    for place in places:
        points = place.status.points
        codes = points.run[place.status.series].tolist()
        before = dict(zip(codes[1:], codes, strict=False))
        ids = {points.runs.run_id[code]: code for code in codes}
        first = [ids[change.run_id] for several in place.changes.values() for change in several if change.run_id in ids]
        wanted = [*codes[len(codes) - newest :], *first, *(before[code] for code in first if code in before)]
        for code in wanted:
            found.setdefault(code, before.get(code))
    return dict(sorted(found.items()))
