"""What a row says beside the values of its axes: which of several series it is of, so that none hides another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.analysis.boards.axes import OWN
from lab.analysis.boards.board import BoardCell, Column
from lab.analysis.boards.lines import Line
from lab.formats.dashboard import DashboardSpec

CONDITIONS = Column(fact="conditions", title="Conditions")


@dataclass(frozen=True)
class Apart:
    """The names by line, "" for what has no siblings; `crowded` are the targets whose engines would share a place."""

    crowded: frozenset[str]
    shown: bool

    def name(self, line: Line) -> str:
        """Return what sets the line apart: tvm, opencl threads=4."""
        engine = line.cell.engine if self.names_engine(line) else ""
        return " ".join(part for part in (engine, line.under) if part)

    def names_engine(self, line: Line) -> bool:
        """Whether the name of the line says its engine."""
        return line.cell.target in self.crowded

    def names(self, line: Line, cell: BoardCell | None = None) -> tuple[str, ...]:
        """Return what a row adds to its names, nothing on a board without siblings; `cell` may be measured no more."""
        if not self.shown:
            return ()
        last = f"last {cell.last}" if cell is not None and cell.last else ""
        return (", ".join(part for part in (self.name(line), last) if part),)

    def order(self, line: Line) -> tuple[object, ...]:
        """Return what sorts the names: lab's own engine first, 16 threads after 4."""
        if not self.shown:
            return ()
        return (self.names_engine(line) and line.cell.engine != OWN, *natural(self.name(line)))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The column of what rows add."""
        return (CONDITIONS,) if self.shown else ()


def apart_on(spec: DashboardSpec, cells: Mapping[Line, BoardCell]) -> Apart:
    """Return how the rows of the dashboard tell the series of these cells apart."""
    crowded = frozenset() if "engine" in (*spec.rows, *spec.columns) else _crowded(cells)
    shown = any(line.under or line.cell.target in crowded for line in cells)
    return Apart(crowded, shown)


def _crowded(lines: Iterable[Line]) -> frozenset[str]:
    engines: dict[tuple[str, str], set[str]] = {}
    for line in lines:
        engines.setdefault((line.cell.target, line.cell.model), set()).add(line.cell.engine)
    return frozenset(target for (target, _), names in engines.items() if len(names) > 1)


def natural(text: str) -> tuple[object, ...]:
    """Return a key that sorts numbers within texts as numbers."""
    parts = re.split(r"(\d+)", text)
    return tuple((1, int(part)) if part.isdecimal() else (0, part) for part in parts)
