"""Values in llama-bench's SQL that neither llama-bench nor JSON has: told by row and column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.analysis.exchange.readers.files import read_file
from lab.analysis.exchange.scanners.scan_sql import sql_rows
from lab.core.errors import ForeignFileError

CASES = Path("tests/cases/security")
TABLE = "CREATE TABLE llama_bench (a TEXT, b REAL);\n"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("llama-bench-blob.sql", "row 1, column odd: a blob"),
        ("llama-bench-infinity.sql", "row 1, column odd: inf is not a finite number"),
        ("llama-bench-nul.sql", "line 3: a NUL character"),
    ],
)
def test_an_odd_value_is_told_by_its_place(name: str, problem: str) -> None:
    with pytest.raises(ForeignFileError) as caught:
        read_file(CASES / name, "box")
    assert caught.value.what.endswith(f"{name}: {problem}") or f"{name}: {problem}" in caught.value.what


@pytest.mark.parametrize("value", ["X'00'", "9e999", "-9e999", "CAST(X'FF' AS TEXT)", "zeroblob(1000000000)"])
def test_no_spelling_of_such_a_value_passes(value: str) -> None:
    text = TABLE + f"INSERT INTO llama_bench VALUES ('x', 1.0);\nINSERT INTO llama_bench VALUES ('x', {value});\n"
    with pytest.raises(ForeignFileError, match=r"x\.sql: (row 2, column b|not what llama-bench)"):
        sql_rows(text, "x.sql")


def test_a_deviation_of_any_size_is_read(tmp_path: Path) -> None:
    """Its square is not a number."""
    rows = json.loads((CASES / "llama-bench-escapes-in-lists.json").read_text())
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{**rows[0], "stddev_ts": 1e308}]))
    assert len(read_file(path, "box").tests) == 1
