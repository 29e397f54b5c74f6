"""From a cell of a board to the records that it stands for."""

from __future__ import annotations

from lab.analysis.boards.board import BoardCell
from lab.analysis.boards.detail import CellDetail, cell_detail
from lab.core.errors import StoreError
from lab.store import BadRun, read_at


def open_cell(cell: BoardCell) -> CellDetail:
    """Return the newest run of the cell in all detail, beside the newest run of its baseline.

    Raises:
        StoreError: the cell has no run, or its run cannot be read any more. A baseline that cannot be read is left out.
    """
    if cell.key is None or not cell.run_id:
        raise StoreError("nothing was measured here", hint="choose a cell with a value")
    record = read_at(cell.place)
    if isinstance(record, BadRun):
        raise StoreError(record.reason, hint="`lab store check` names every file that cannot be read")
    baseline = read_at(cell.baseline_place) if cell.baseline_run_id else None
    found = cell_detail(record, cell.key, None if isinstance(baseline, BadRun) else baseline)
    if found is None:
        raise StoreError(f"run {cell.run_id} has no such test any more", hint="read the store again")
    return found
