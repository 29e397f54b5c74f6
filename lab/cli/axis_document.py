"""`lab compare --json`: two sides, or the values of an axis."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lab.analysis.compare.axis import Row, Table
from lab.cli.gate_document import verdict_document


def axis_document(found: Table) -> dict[str, Any]:
    """Return the table with every verdict whole; metric "" is the cell itself."""
    return {
        "axis": found.axis,
        "baseline": found.baseline,
        "values": [{"value": value, "runs": list(found.runs[value])} for value in found.values],
        "notes": {value: list(notes) for value, notes in found.notes.items()},
        "rows": [_row(row) for row in found.rows],
        "exit_code": found.exit_code,
    }


def _row(row: Row) -> dict[str, Any]:
    verdicts = {value: verdict_document(verdict) for value, verdict in row.verdicts.items()}
    return {
        "cell": asdict(row.cell),
        "settings": dict(row.settings),
        "baseline": row.a,
        "within": row.within,
        "verdicts": verdicts,
    }
