"""A test of another program as a cell of a recorded run; and of a cell, which test it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.analysis.exchange.readers.fields import Fields
from lab.analysis.exchange.readers.parsed import ForeignTest, test_key
from lab.core.errors import ForeignFileError
from lab.core.fields import UNSET
from lab.formats.run_record import Cell, Doubt, Repetition, RunRecord
from lab.formats.test import Test


def cell_of(test: ForeignTest) -> Cell:
    """Return the cell of a test."""
    return Cell(
        prompt=test.prompt,
        generate=test.generate,
        depth=test.depth,
        status=test.status,
        reason=test.reason,
        repetitions=tuple(_repetitions(test)),
        memory=test.memory,
        row=test.row,
        at=test.at,
        took_s=test.took_s,
        key=test.key,
        reported=test.raw,
        doubts=tuple(Doubt(code, text) for code, text in test.doubts) or None,
    )


def _repetitions(test: ForeignTest) -> Iterable[Repetition]:
    for index in range(max(len(test.prefill), len(test.decode))):
        yield Repetition(
            index=index,
            order=index,
            status="ok",
            prefill_tok_per_s=test.prefill[index] if test.prefill else None,
            decode_tok_per_s=test.decode[index] if test.decode else None,
            ttft_s=test.ttft_s,
            mean_of=test.repeats if test.averaged else UNSET,
        )


def key_of(record: RunRecord, cell: Cell) -> str:
    """Return the key of the test that a stored cell was made of; runs of earlier versions do not have it written."""
    return cell.key if cell.key is not None else _old_key(record, cell)


def is_mean(cell: Cell) -> bool:
    """Whether the cell has a mean where samples could be."""
    return any(row.mean_of is not UNSET for row in cell.repetitions)


def _old_key(record: RunRecord, cell: Cell) -> str:
    reported, tool = Fields("", 0, cell.reported or {}), record.protocol.name or ""
    try:
        at = reported.written_time("test_time") or record.created_at
        mark = str(reported.whole("avg_ns")) if reported.has("avg_ns") else record.engine.requested
    except ForeignFileError:
        return ""
    return test_key(tool, at, record.weights.source_id, Test.of(cell), mark)


def repeats_of(cells: Sequence[Cell]) -> int | None:
    """Return how often each test was repeated, where all were as often and it is known; else None."""
    measured = [cell for cell in cells if cell.repetitions]
    counts = {_mean_of(cell) if is_mean(cell) else len(cell.repetitions) for cell in measured}
    return counts.pop() if len(counts) == 1 else None


def _mean_of(cell: Cell) -> int | None:
    count = cell.repetitions[0].mean_of
    return count if isinstance(count, int) else None
