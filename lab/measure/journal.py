"""The record of a session as it grows; on disk it is always whole, whatever happens next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from lab import store
from lab.formats.run_record import Cell, CellMemory, CellStatus, Profile, Repetition, RunRecord, RunStatus, TimesRecord
from lab.measure.engine import Engine, Findings
from lab.measure.roofs import PeakRoof, Roof
from lab.store.location import Place


class Journal:
    """Holds the record and stores it after each change that took time to measure."""

    def __init__(self, record: RunRecord, save: Callable[[RunRecord], Place] = store.save) -> None:
        self.record = record
        self._save = save
        self.path = save(record)

    @property
    def verified(self) -> bool:
        """Whether some process has verified the bundle already."""
        return self.record.verify is not None

    def add(self, cell: int, row: Repetition, found: Findings) -> None:
        """Add a repetition to cell number `cell`, with what its processes said of themselves."""
        if found.verify is not None:
            self._set(verify=found.verify)
        engine = self.record.engine
        if found.effective is not None and engine.effective is None:
            self._set(engine=replace(engine, effective=found.effective, **found.engine))
        rows = (*self.record.cells[cell].repetitions, row)
        self._set_cell(cell, repetitions=rows, **_standing(rows))
        self.save()

    def plan_repeats(self, repeats: int) -> None:
        """Set the number of repetitions that the session means to come to."""
        if repeats != self.record.plan.repeats:
            self._set(plan=replace(self.record.plan, repeats=repeats))
            self.save()

    def add_memory(self, cell: int, memory: CellMemory) -> None:
        """Set the memory of cell number `cell`."""
        self._set_cell(cell, memory=memory)
        self.save()

    def add_profile(self, cell: int, profile: Profile) -> None:
        """Set the times of the kernels of cell number `cell`."""
        self._set_cell(cell, profile=profile)
        self.save()

    def add_roof(self, when: Literal["before", "after"], roof: Roof) -> None:
        """Set the bandwidth "before" or "after" the repetitions."""
        block = self.record.bandwidth
        if block is not None:
            changes: dict[str, Any] = {when: roof.bytes_per_s, f"reason_{when}": roof.reason}
            self._set(bandwidth=replace(block, loop=roof.loop or block.loop, **changes))
        self.save()

    def add_peak(self, when: Literal["before", "after"], roof: PeakRoof) -> None:
        """Set the arithmetic peak "before" or "after" the repetitions."""
        block = self.record.peak
        if block is not None:
            names = ("int8_loop", "int4_loop", "f32_loop")
            loops = {name: getattr(roof, name) or getattr(block, name) for name in names}
            changes: dict[str, Any] = {when: roof.samples, f"reason_{when}": roof.reason, **loops}
            self._set(peak=replace(block, **changes))
        self.save()

    def finish(self, status: RunStatus, reason: str | None, measure_s: float) -> RunRecord:
        """Give run and cells their last status and store them."""
        self._set(status=status, reason=reason, time_s=_times(self.record.time_s, measure_s))
        for number, cell in enumerate(self.record.cells):
            self._set_cell(number, **_last_standing(cell, self.record))
        self.save()
        return self.record

    def save(self) -> None:
        """Store the record as it is."""
        self.path = self._save(self.record)

    def _set(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)

    def _set_cell(self, number: int, **changes: Any) -> None:
        cells = list(self.record.cells)
        cells[number] = replace(cells[number], **changes)
        self._set(cells=tuple(cells))


@dataclass(frozen=True)
class Lane:
    """One engine of a session and its record."""

    engine: Engine
    journal: Journal

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells as they stand."""
        return self.journal.record.cells


def outcome(record: RunRecord) -> tuple[RunStatus, str | None]:
    """Return the status of a session that went to its end: "failed" when no repetition has numbers."""
    lost = [cell for cell in record.cells if cell.status != "ok"]
    if not lost:
        return "ok", None
    reasons = "; ".join(dict.fromkeys(cell.reason or cell.status for cell in lost))
    if len(lost) == len(record.cells):
        return "failed", f"no repetition gave a result: {reasons}"
    return "ok", f"{len(lost)} of {len(record.cells)} tests gave no result: {reasons}"


def _standing(rows: tuple[Repetition, ...]) -> dict[str, Any]:
    """Return status and reason of a cell with these repetitions: one with numbers is enough for "ok"."""
    lost = [row for row in rows if row.status != "ok"]
    if not lost:
        return {"status": "ok", "reason": None}
    reasons = "; ".join(dict.fromkeys(row.reason or row.status for row in lost))
    if len(lost) < len(rows):
        return {"status": "ok", "reason": f"{len(lost)} of {len(rows)} repetitions gave no result: {reasons}"}
    statuses: set[CellStatus] = {row.status for row in lost}
    worst = next(name for name in ("wrong_output", "rejected", "failed", "interrupted") if name in statuses)
    return {"status": worst, "reason": reasons}


def _last_standing(cell: Cell, record: RunRecord) -> dict[str, Any]:
    """Return what a run that did not reach its end says of a cell that lacks repetitions."""
    done = sum(1 for row in cell.repetitions if row.status != "interrupted")
    if record.status == "wrong_output":
        return {"status": "wrong_output", "reason": record.reason}
    planned = record.plan.repeats
    if record.status == "interrupted" and cell.repetitions and planned is not None and done < planned:
        return {"status": "interrupted", "reason": f"{done} of {planned} repetitions were done"}
    return {}


def _times(times: TimesRecord, measure_s: float) -> TimesRecord:
    known = (times.compile, times.convert, times.runner, measure_s)
    return replace(times, measure=measure_s, total=sum(part for part in known if part is not None))
