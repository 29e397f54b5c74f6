"""llama-bench's own files, and what may be wrong with such files."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from lab.analysis.exchange.readers.files import read_file
from lab.analysis.llama_bench import llama_bench_rows
from lab.analysis.points.build import points_of
from lab.analysis.run.summary import summarise
from lab.core.errors import ForeignFileError
from lab.formats.run_record import from_json, to_json
from tests.analysis.exchange.sources import FILES, LLAMA, OLD, llama_rows, records, written


@pytest.mark.parametrize("name", [*LLAMA, *OLD])
def test_every_format_gives_one_run_that_can_be_stored(name: str) -> None:
    (run,) = records(name)
    assert from_json(to_json(run)) == run
    assert run.engine.name == "llama.cpp"
    assert run.protocol.name == "llama-bench"
    assert run.weights.synthetic is False
    assert run.model.layers is None
    assert run.other_columns is None


def test_prefill_and_decode_are_cells_of_their_own() -> None:
    (run,) = records("llama-bench.json")
    shapes = [(cell.prompt, cell.generate, cell.depth) for cell in run.cells]
    assert shapes == [(16, 0, 0), (0, 4, 0), (16, 0, 8), (0, 4, 8)]
    assert [cell.label for cell in summarise(run)] == ["pp16", "tg4", "pp16@d8", "tg4@d8"]


def test_rates_are_those_of_the_file() -> None:
    (run,) = records("llama-bench.json")
    for cell, row in zip(run.cells, llama_rows(), strict=True):
        name = "prefill_tok_per_s" if row["n_prompt"] else "decode_tok_per_s"
        rates = [getattr(one, name) for one in cell.repetitions]
        assert rates == pytest.approx(row["samples_ts"], rel=1e-4)
        assert fmean(rates) == pytest.approx(row["avg_ts"], rel=1e-6)


def test_sqlite_reads_the_same_rows(tmp_path: Path) -> None:
    """Oracle: the file run through sqlite3 without our guards."""
    database = sqlite3.connect(tmp_path / "bench.sqlite")
    database.executescript((FILES / "llama-bench.sql").read_text())
    means = [one for (one,) in database.execute("SELECT avg_ts FROM llama_bench")]
    database.close()
    (run,) = records("llama-bench.sql")
    found = [one.prefill_tok_per_s or one.decode_tok_per_s for cell in run.cells for one in cell.repetitions]
    assert found == means


def test_the_same_run_in_two_formats_is_one_run() -> None:
    assert records("llama-bench.json")[0].run_id == records("llama-bench.sql")[0].run_id
    assert records("llama-bench.jsonl")[0].run_id == records("llama-bench.csv")[0].run_id


def test_old_and_new_spelling_of_loading_are_one_setting(tmp_path: Path) -> None:
    row = {name: value for name, value in llama_rows()[0].items() if name != "load_mode"}
    old = written(tmp_path, [{**row, "use_mmap": True}], "old.json")
    new = written(tmp_path, [{**row, "load_mode": "mmap"}], "new.json")
    assert records(old)[0].plan.settings_fingerprint == records(new)[0].plan.settings_fingerprint
    none = written(tmp_path, [{**row, "use_mmap": False}], "none.json")
    assert records(none)[0].engine.settings["load_mode"] == "none"


def test_a_mean_without_samples_says_so() -> None:
    (run,) = records("llama-bench.csv")
    assert run.plan.repeats is None
    assert [one.mean_of for one in run.cells[0].repetitions] == [None]
    assert run.cells[0].reported["stddev_ts"] == "0.134122"


def test_both_phases_in_one_time_give_no_rate() -> None:
    (run,) = records("llama-bench.jsonl")
    both = run.cells[2]
    assert (both.prompt, both.generate, both.repetitions) == (16, 4, ())
    assert both.reported["total_tok_per_s"] == pytest.approx([49.5317, 49.2041, 49.8295], rel=1e-4)


def test_rows_that_differ_in_an_unknown_column_are_never_one_series(tmp_path: Path) -> None:
    row = llama_rows()[0]
    path = written(tmp_path, [{**row, "warp": 1}, {**row, "warp": 2}, {**row, "warp": 1, "avg_ns": 210155151}])
    runs = records(path)
    assert [run.other_columns for run in runs] == ['{"warp":1}', '{"warp":2}', '{"warp":1}']
    points = points_of(runs)
    prefill = {points.keys[code] for code in points.series if points.keys[code].cell.metric == "prefill_tok_per_s"}
    assert len(prefill) == 2


def test_the_same_test_twice_is_two_sessions(tmp_path: Path) -> None:
    row = llama_rows()[0]
    runs = records(written(tmp_path, [row, {**row, "test_time": "2026-11-24T16:29:20Z"}]))
    assert [len(run.cells) for run in runs] == [1, 1]


@pytest.mark.parametrize("change", [{"n_threads": 4}, {"type_k": "q8_0"}, {"model_filename": "other.gguf"}])
def test_other_conditions_make_another_run(tmp_path: Path, change: dict[str, Any]) -> None:
    first, second = records(written(tmp_path, [llama_rows()[0], {**llama_rows()[1], **change}]))
    keys = {points_of([run]).keys[0] for run in (first, second)}
    assert len(keys) == 2


def test_what_lab_exports_can_be_imported(tmp_path: Path) -> None:
    (run,) = records("llama-bench.json")
    (back,) = records(written(tmp_path, llama_bench_rows(run)))
    assert [(cell.prompt, cell.generate, cell.depth) for cell in back.cells] == [
        (cell.prompt, cell.generate, cell.depth) for cell in run.cells
    ]
    assert back.cells[1].repetitions[0].decode_tok_per_s == pytest.approx(run.cells[1].repetitions[0].decode_tok_per_s)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_prompt": "many"}, 'row 2: n_prompt: expected a whole number, got "many"'),
        ({"n_prompt": None}, "row 2: n_prompt: missing"),
        ({"n_prompt": True}, "row 2: n_prompt: expected a whole number, got true"),
        ({"n_prompt": 2**40}, "row 2: n_prompt: 1099511627776 is not between 0 and 2147483647"),
        ({"n_gen": 0}, "row 2: n_prompt: neither a prompt nor a generation"),
        ({"avg_ns": 0}, "row 2: avg_ns: 0 is not between 1"),
        ({"avg_ns": 10**400}, "row 2: avg_ns: "),
        ({"samples_ns": [1.0, -5]}, "row 2: samples_ns[1]: -5 is not above 0"),
        ({"samples_ns": "none"}, 'row 2: samples_ns: expected a list, got "none"'),
        ({"samples_ns": [1.0]}, "row 2: samples_ts: 3 samples, and 1 in samples_ns"),
        ({"test_time": "2999-01-01T00:00:00Z"}, "row 2: test_time: 2999-01-01T00:00:00Z is in the future"),
        ({"test_time": "yesterday"}, "row 2: test_time: expected a time such as"),
        ({"test_time": "0001-01-01T00:00:00+23:59"}, "row 2: test_time: "),
        ({"model_filename": 7}, "row 2: model_filename: expected text, got 7"),
    ],
)
def test_a_bad_value_is_named_with_file_row_and_column(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = written(tmp_path, [llama_rows()[0], {**llama_rows()[1], **change}])
    with pytest.raises(ForeignFileError) as caught:
        records(path)
    assert caught.value.what.startswith(f"{path}: ")
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ((FILES / "llama-bench.json").read_text()[:400], "line 2: a JSON object that does not end"),
        ((FILES / "llama-bench.sql").read_text()[:1200], "a statement that does not end"),
        ((FILES / "llama-bench-short-rows.csv").read_text(), "line 2: 41 values for 42 columns"),
        ("[NaN]", "not valid JSON: NaN"),
        ("[1e999]", "not valid JSON: 1e999 is too large"),
        ("[]", "nothing to import: it has no rows"),
        ("[1]", "a JSON list, and no llama-bench rows in it"),
        ("", "not a format that lab knows"),
        ("{}", "not a format that lab knows"),
        ("| model | size |", "not a format that lab knows"),
        ("[" * 100_000, "not valid JSON: nested too deeply"),
    ],
)
def test_a_file_that_is_cut_or_something_else(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text, "bad")
    with pytest.raises(ForeignFileError, match="bad") as caught:
        read_file(path, "box")
    assert said in caught.value.what


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"\xff\xfe[]")
    with pytest.raises(ForeignFileError, match="not a format that lab knows"):
        read_file(path, "box")


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{victim}' AS victim;",
        "PRAGMA journal_mode = WAL;",
        "CREATE TABLE other (a);",
        "CREATE TEMP TABLE llama_bench (a);",
        "CREATE VIEW v AS SELECT 1;",
        "CREATE TRIGGER t AFTER INSERT ON llama_bench BEGIN DELETE FROM llama_bench; END;",
        "DROP TABLE llama_bench;",
        "DELETE FROM llama_bench;",
        "UPDATE llama_bench SET avg_ts = 1;",
        "INSERT INTO llama_bench (avg_ts) SELECT avg_ts FROM llama_bench;",
        "INSERT INTO llama_bench (cpu_info) VALUES (hex(randomblob(1000000000)));",
        "INSERT INTO sqlite_master (name) VALUES ('x');",
        "SELECT load_extension('x');",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c;",
        "VACUUM INTO '{victim}';",
        "nonsense;",
    ],
)
def test_sql_can_do_nothing_but_put_rows_into_its_table(tmp_path: Path, statement: str) -> None:
    victim = tmp_path / "victim"
    text = (FILES / "llama-bench.sql").read_text() + statement.format(victim=victim)
    with pytest.raises(ForeignFileError, match="not what llama-bench -o sql writes"):
        read_file(written(tmp_path, text, "evil.sql"), "box")
    assert not victim.exists()


def test_hostile_text_is_harmless(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07 <script>alert(1)</script>\u009b31m"
    row = {**llama_rows()[0], "cpu_info": evil, "backends": evil, "model_type": evil, "odd\x1b": evil}
    (run,) = records(written(tmp_path, [row]))
    texts = [str(run.device.facts["cpu_model"]), str(run.engine.effective), run.model.label, run.other_columns]
    assert all(text.isprintable() for text in texts)
    assert json.loads(run.other_columns) == {"odd\x1b": evil}
    label = run.model.label
    assert "/" not in label
    assert ".." not in label


def test_a_file_name_makes_no_path(tmp_path: Path) -> None:
    (run,) = records(written(tmp_path, [{**llama_rows()[0], "model_filename": "../../../../etc/passwd"}]))
    assert run.model.label == "passwd-q4_0"


def test_unknown_columns_that_measure_stand_with_their_row_and_are_exported_again(tmp_path: Path) -> None:
    rows = [{**row, "avg_ttft_ms": 100.0 + place, "n_foo": 3} for place, row in enumerate(llama_rows()[:2])]
    (run,) = records(written(tmp_path, rows))
    assert run.other_columns == '{"n_foo":3}'
    assert [cell.reported["measured"] for cell in run.cells] == [
        {"avg_ttft_ms": 100.0},
        {"avg_ttft_ms": 101.0},
    ]
    assert [row["avg_ttft_ms"] for row in llama_bench_rows(run)] == [100.0, 101.0]
