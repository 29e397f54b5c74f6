"""What a point is a point of: the cell that people talk about, and the conditions under which it was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.formats.run_record import Cell, RunRecord

STATUS = ""  # the metric of the point that every cell has: whether it gave numbers at all
Fields = tuple[tuple[str, str], ...]  # (name, value) pairs, each name once, sorted by name


@dataclass(frozen=True, order=True, kw_only=True)
class CellKey:
    """One metric of one test: what two sides must share to be held against each other.

    `model` is the model's label, `metric` a name of lab.formats.metrics, or STATUS for the cell itself.
    """

    target: str
    model: str
    engine: str
    prompt: int
    generate: int
    depth: int
    metric: str

    @classmethod
    def of(cls, record: RunRecord, cell: Cell, metric: str) -> CellKey:
        """Return the key of a metric of a recorded cell."""
        return cls(
            target=record.target.name,
            model=record.model.label,
            engine=record.engine.name,
            prompt=cell.prompt,
            generate=cell.generate,
            depth=cell.depth,
            metric=metric,
        )


@dataclass(frozen=True, order=True, kw_only=True)
class Conditions:
    """Under which conditions: sides that differ here are not comparable, or carry a note of what differs.

    `protocol` is the version of lab's own rules, or the name of the tool whose row was imported. `counter` is that of
    a memory metric, else empty. `settings` are all by name, in one spelling, with the defaults of the tool where its
    version has no such column; columns that lab does not know are among them. `facts` is what another tool says of the
    device, which has no serial there. `lab.analysis.points.named` gives all of it by field.
    """

    device: str  # sha256 of its serial; empty where another tool measured
    effective: str  # the backend that computed
    threads: int
    settings: Fields = ()
    protocol: str
    emulated: bool
    synthetic: bool
    layers: int
    layers_total: int
    counter: str = ""
    facts: Fields = ()


@dataclass(frozen=True, order=True)
class SeriesKey:
    """A cell under its conditions: points of one series may be averaged, and nothing else may."""

    cell: CellKey
    conditions: Conditions


def cell_series(key: SeriesKey) -> SeriesKey:
    """Return the series of the whole cell (its STATUS) that a metric's series belongs to."""
    conditions = replace(key.conditions, counter="") if key.conditions.counter else key.conditions
    return SeriesKey(replace(key.cell, metric=STATUS), conditions)
