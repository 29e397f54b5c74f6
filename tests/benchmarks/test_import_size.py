"""The made-up file of the import benchmark is what it says: sessions of so many tests, each once."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.import_size import rows
from lab.analysis.exchange.imports.import_runs import records_of
from lab.analysis.exchange.readers.files import read_file


def test_the_made_up_rows_are_sessions_without_doubts(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows(60, 10)))
    read = read_file(file, "box")
    assert [len(run.cells) for run in records_of(read)] == [10] * 6
    assert read.notes == []
    assert read.counts == {}
