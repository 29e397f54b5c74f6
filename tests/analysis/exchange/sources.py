"""The files of other programs, and rows made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.analysis.exchange.imports.import_runs import records_of
from lab.analysis.exchange.readers.files import read_file
from lab.analysis.exchange.readers.parsed import ForeignTest
from lab.formats.run_record import RunRecord

FILES = Path(__file__).parent / "files"
LLAMA = ("llama-bench.json", "llama-bench.sql", "llama-bench.jsonl", "llama-bench.csv")
OLD = ("llama-bench-old.json", "llama-bench-old.jsonl", "llama-bench-old.sql")


def records(name: str | Path, target: str | None = "box", **changes: Any) -> list[RunRecord]:
    return records_of(read_file(FILES / name, target, **changes))


def llama_rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FILES / "llama-bench.json").read_text())
    return found


def written(folder: Path, rows: Any, name: str = "made.json") -> Path:
    path = folder / name
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return path


CASES = Path(__file__).parents[2] / "cases" / "data"


def all_tests(path: Path, **changes: Any) -> list[ForeignTest]:
    return [test for _, test in read_file(path, "box", **changes).tests]


def rates(run: RunRecord) -> list[tuple[tuple[int, int, int], list[float | None]]]:
    """Shape and rates of each cell."""
    return [
        ((one.prompt, one.generate, one.depth), [r.prefill_tok_per_s or r.decode_tok_per_s for r in one.repetitions])
        for one in run.cells
    ]
