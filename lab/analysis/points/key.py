"""What a point is a point of: the cell that people talk about, and the conditions under which it was measured."""

from __future__ import annotations

from dataclasses import dataclass

STATUS = ""  # the metric of the point that every cell has: whether it gave numbers at all


@dataclass(frozen=True, order=True, kw_only=True)
class CellKey:
    """One metric of one test: what two sides must share to be held against each other.

    `model` is the model's label, `metric` a name of lab.core.metrics, or STATUS for the cell itself.
    """

    target: str
    model: str
    engine: str
    prompt: int
    generate: int
    depth: int
    metric: str


@dataclass(frozen=True, order=True, kw_only=True)
class Conditions:
    """Under which conditions: sides that differ here are not comparable, or carry a note of what differs.

    `protocol` is the version of lab's own rules, or the name of the tool whose row was imported. `counter` is that of
    a memory metric, else empty. `other` is the canonical JSON of columns that lab does not know, else empty: rows
    that differ in it are never averaged.
    """

    device: str  # sha256 of its serial
    effective: str
    threads: int
    settings: str
    protocol: str
    emulated: bool
    synthetic: bool
    layers: int
    layers_total: int
    counter: str = ""
    other: str = ""


@dataclass(frozen=True, order=True)
class SeriesKey:
    """A cell under its conditions: points of one series may be averaged, and nothing else may."""

    cell: CellKey
    conditions: Conditions
