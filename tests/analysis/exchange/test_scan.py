"""Files as people have them: logs around rows, ends cut off, outputs one after the other, other encodings."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.exchange.readers.files import ReadFile, read_file
from lab.analysis.exchange.scanners.items import LeftOut, Row
from lab.analysis.exchange.scanners.scan import scan
from lab.core.errors import ForeignFileError
from lab.formats.test import Test
from tests.analysis.exchange.sources import CASES, written

WHOLE = {
    "json": (CASES / "same-rows.json").read_text(),
    "jsonl": (CASES / "growing-a-2.jsonl").read_text(),
    "csv": (CASES / "same-rows.csv").read_text(),
    "sql": (CASES / "sql-table-named-test.sql").read_text(),
}
LOG = (
    "ggml_vulkan: Found 1 Vulkan devices:",
    "[0] Example GPU",
    "[ 12%] Building CXX object",
    "llama_model_loader: - kv   0: general.name str = {x}, y",
    "error: it's \"odd\", isn't it; yes",
    "main: n_kv_max = 4096, n_batch = 2048, flash_attn = 0",
    "|",
    "load time = 1.2 ms }",
    "...........",
    "register_backend: registered backend CPU (1 devices)",
    "CREATE a context with 4 threads",
    "-- a comment",
    "warning: [1/3] test",
    "12345",
)


def read(name: str, **changes: Any) -> ReadFile:
    return read_file(CASES / name, "box", **changes)


def seen(found: ReadFile) -> list[tuple[str, int, int, int]]:
    return [(test.at, test.prompt, test.generate, test.depth) for _, test in found.tests]


TWO = [("2026-01-01T02:00:00Z", 512, 0, 0), ("2026-01-01T02:01:00Z", 0, 128, 0)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("log-lines-before-json.json", 1),
        ("log-lines-before-jsonl.jsonl", 1),
        ("log-lines-before-csv.csv", 1),
        ("log-lines-between-rows.jsonl", 2),
    ],
)
def test_lines_of_a_log_are_left_out_and_counted(name: str, lines: int) -> None:
    found = read(name)
    assert seen(found) == TWO
    assert found.counts == {"log": 2}
    assert found.left_out[0] == LeftOut(lines, "log", "ggml_vulkan: Found 1 Vulkan devices:")


@pytest.mark.parametrize("name", ["powershell-utf16le.json", "sql-table-named-test.sql", "same-rows.csv"])
def test_other_encodings_and_older_tables_are_read_whole(name: str) -> None:
    found = read(name)
    assert seen(found) == TWO
    assert found.counts == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("form", sorted(WHOLE))
def test_every_encoding_of_every_form(tmp_path: Path, form: str, encoding: str, ends: str) -> None:
    path = tmp_path / "made"
    path.write_bytes(WHOLE[form].replace("\n", ends).encode(encoding))
    assert seen(read_file(path, "box")) == TWO


def test_zeros_of_a_power_cut_and_bytes_of_no_encoding_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "made"
    path.write_bytes(b"caf\xe9: log\n" + WHOLE["jsonl"].encode() + b"\0" * 512)
    assert seen(read_file(path, "box")) == TWO


@pytest.mark.parametrize(
    ("name", "line", "text"),
    [
        ("ctrl-c-after-two-rows.json", 1, "a JSON list that does not end"),
        ("ctrl-c-inside-third-row.json", 76, "a JSON object that does not end"),
    ],
)
def test_whole_rows_of_a_file_that_was_cut_are_kept_and_the_cut_is_named(name: str, line: int, text: str) -> None:
    found = read(name)
    assert seen(found) == TWO
    (cut,) = found.left_out
    assert (cut.kind, cut.line) == ("cut", line)
    assert text in cut.text


@pytest.mark.parametrize("name", ["two-json-outputs-appended.json", "sql-two-builds-second-has-one-more-column.sql"])
def test_outputs_one_after_the_other(name: str) -> None:
    assert [at for at, *_ in seen(read(name))] == ["2026-01-01T02:00:00Z", "2026-01-02T02:00:00Z"]


def test_outputs_of_all_forms_in_one_file(tmp_path: Path) -> None:
    path = written(
        tmp_path, "\n".join(["log", *WHOLE.values(), (CASES / "markdown-with-log-and-build.txt").read_text()])
    )
    found = read_file(path, "box")
    assert len(found.tests) == 10
    assert found.counts == {"log": 3}


def test_an_output_appended_to_one_that_was_cut(tmp_path: Path) -> None:
    for form in ("json", "jsonl", "csv", "sql"):
        text = WHOLE[form]
        for cut in (text[:-30], text[:-200]):
            for between in ("", "\n"):
                found = read_file(written(tmp_path, cut + between + WHOLE["jsonl"]), "box")
                assert set(TWO) <= set(seen(found)), (form, len(cut), between)
                assert found.counts["cut"] >= 1


@pytest.mark.parametrize("table", ["test", "llama_bench", "my_results"])
def test_any_name_of_the_table(tmp_path: Path, table: str) -> None:
    text = WHOLE["sql"].replace(" test ", f" {table} ")
    assert seen(read_file(written(tmp_path, text), "box")) == TWO
    without = text[text.index("INSERT") :]
    assert seen(read_file(written(tmp_path, without), "box")) == TWO


def test_a_dump_of_a_database(tmp_path: Path) -> None:
    dump = f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{WHOLE['sql']}COMMIT;\n"
    assert seen(read_file(written(tmp_path, dump), "box")) == TWO


def test_rows_that_another_program_wrapped(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in WHOLE["jsonl"].splitlines()]
    lines = "\n".join(json.dumps({"bench_raw": row, "mode": "x", "memory": 7}) for row in rows)
    found = read_file(written(tmp_path, lines), "box")
    assert seen(found) == TWO
    assert [one.text for one in found.left_out] == ["beside the rows in bench_raw: mode, memory"] * 2
    assert seen(read_file(written(tmp_path, {"host": "x", "results": rows}), "box")) == TWO


def test_a_data_frames_numbers_and_truths(tmp_path: Path) -> None:
    (run,) = read("data-frame-floats-for-integers.json").tests
    assert (run[0].versions, run[0].weights_bytes, Test.of(run[1])) == (
        {"llama.cpp": "aaaaaaa11 (7000)"},
        700000000,
        Test(512, 0),
    )
    header, *lines = WHOLE["csv"].splitlines()
    floats = [line.replace('"512"', '"512.0"').replace('"1","512.0"', '"True","512.0"') for line in lines]
    text = "\n".join(["," + header, *(f"{number},{line}" for number, line in enumerate(floats))])
    assert seen(read_file(written(tmp_path, text), "box")) == TWO


@pytest.mark.parametrize("form", sorted(WHOLE))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_lines_of_a_log_around_rows_change_nothing(form: str, data: st.DataObject) -> None:
    lines = WHOLE[form].splitlines()
    whole = {"json": _between_rows(lines), "sql": _between_statements(lines)}.get(form, range(len(lines) + 1))
    places = data.draw(st.lists(st.tuples(st.sampled_from(list(whole)), st.sampled_from(LOG)), max_size=6))
    for place, text in sorted(places, reverse=True):
        lines.insert(place, text)
    items = list(scan(lines, "made"))
    assert [item.columns for item in items if isinstance(item, Row)] == _rows(WHOLE[form])
    assert sum(isinstance(item, LeftOut) for item in items) == len(places)


@pytest.mark.parametrize("form", sorted(WHOLE))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_cut_keeps_the_whole_rows(form: str, data: st.DataObject) -> None:
    text = WHOLE[form]
    cut = text[: data.draw(st.integers(0, len(text)))]
    rows = [item.columns for item in scan(cut.split("\n"), "made") if isinstance(item, Row)]
    assert rows == _rows(text)[: len(rows)]
    assert len(rows) >= _whole_rows(form, cut)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='{}[]",:\\\n 0aInsert|;\x00"', max_size=120))
def test_no_text_ends_in_anything_but_an_answer_or_an_error(text: str) -> None:
    with suppress(ForeignFileError):
        assert all(item.line >= 0 for item in scan(text.split("\n"), "made"))


def _rows(text: str) -> list[dict[str, Any]]:
    return [item.columns for item in scan(text.split("\n"), "made") if isinstance(item, Row)]


def _between_rows(lines: list[str]) -> list[int]:
    ends = [place + 1 for place, line in enumerate(lines) if line in ("[", " },", " }", "]")]
    return [0, *ends]


def _between_statements(lines: list[str]) -> list[int]:
    return [0, *(place + 1 for place, line in enumerate(lines) if line.endswith(";"))]


def _whole_rows(form: str, cut: str) -> int:
    if form == "json":
        return cut.count("\n }")
    if form == "sql":
        return cut.count("'0.0');")
    if form == "csv":
        return max(cut.count("\n") - 1, 0)
    return cut.count("]}")


def _changed(form: str) -> str:
    table = (CASES / "markdown-with-log-and-build.txt").read_text()
    rows = [json.loads(line) for line in WHOLE["jsonl"].splitlines()]
    inside = json.dumps(rows, indent=2).replace('  "n_prompt"', 'ggml: a line of the log\n  "n_prompt"')
    return {
        "a list in one line": json.dumps(rows),
        "two lists in one line": json.dumps(rows) + json.dumps(rows),
        "no indent": json.dumps(rows, indent=0),
        "a log inside of rows": inside,
        "a log before a row in its line": "....." + WHOLE["jsonl"],
        "colours": "\x1b[32mok\x1b[0m\n" + table.replace("| llama", "\x1b[1m| llama"),
        "quoted in a mail": "\n".join(f"> {line}" for line in table.split("\n")),
        "semicolons": WHOLE["csv"].replace(",", ";"),
        "tabs": WHOLE["csv"].replace(",", "\t"),
        "SQL in one line": WHOLE["sql"].replace("\n", " "),
        "commas behind rows": WHOLE["jsonl"].replace("}\n", "},\n"),
        "zeros between rows": WHOLE["jsonl"].replace("\n", "\n\0\0\0\n"),
    }[form]


@pytest.mark.parametrize(
    ("form", "count"),
    [
        ("a list in one line", 2),
        ("two lists in one line", 4),
        ("no indent", 2),
        ("a log inside of rows", 2),
        ("a log before a row in its line", 2),
        ("colours", 2),
        ("quoted in a mail", 2),
        ("semicolons", 2),
        ("tabs", 2),
        ("SQL in one line", 2),
        ("commas behind rows", 2),
        ("zeros between rows", 2),
    ],
)
def test_other_ways_to_write_the_same(tmp_path: Path, form: str, count: int) -> None:
    assert len(read_file(written(tmp_path, _changed(form)), "box").tests) == count


@pytest.mark.parametrize(
    "text",
    [
        WHOLE["csv"].replace('"', "")[:-40],
        (CASES / "markdown-with-log-and-build.txt").read_text()[:330],
        json.dumps([json.loads(line) for line in WHOLE["jsonl"].splitlines()])[:-50],
    ],
)
def test_a_cut_row_of_any_form_is_named(tmp_path: Path, text: str) -> None:
    found = read_file(written(tmp_path, text), "box")
    assert len(found.tests) == 1
    assert found.counts["cut"] == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(WHOLE["csv"].encode()), "packed by gzip"),
        (b"PAR1" + bytes(99), "a Parquet file"),
        (b"SQLite format 3\0" + bytes(99), "a database of SQLite"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_a_next_step(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "made").write_bytes(content)
    with pytest.raises(ForeignFileError, match=what) as caught:
        read_file(tmp_path / "made", "box")
    assert caught.value.hint
