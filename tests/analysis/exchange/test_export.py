"""What other tools take, held against their own published forms."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from statistics import median
from typing import Any

import pytest

from lab.analysis.exchange.writers.anonymise import hostless
from lab.analysis.exchange.writers.bencher import bmf
from lab.analysis.exchange.writers.conbench import conbench_results
from lab.analysis.exchange.writers.flat import csv_text, jsonl_text
from lab.analysis.run.frame import to_frame
from lab.core.errors import UsageError
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, cell, failed_repetition, record
from tests.analysis.exchange.sources import records

REPOSITORY = "https://github.com/example/project"
SSH = {"ssh": {"host": "pi.example.org", "user": "alice", "jump": "", "port": 22}, "device": {"serial": "R5CT10"}}
FAILED = {**cell(), "status": "failed", "repetitions": [failed_repetition(0, "alice@pi.example.org:22: reset by peer")]}
MACHINE_TEXT = ("name", "architecture_name", "kernel_name", "os_name", "os_version", "cpu_model_name")
MACHINE_WHOLE = (
    *(f"cpu_{name}_cache_bytes" for name in ("l1d", "l1i", "l2", "l3")),
    *("cpu_core_count", "cpu_thread_count", "cpu_frequency_max_hz", "memory_bytes", "gpu_count"),
)


def failed() -> RunRecord:
    return record(cells=[FAILED], target={"name": "pi", "spec": SSH})


def check_conbench(found: dict[str, Any]) -> None:
    """The rules of Conbench's `_BenchmarkResultCreateSchema` (conbench/conbench 3af4a552), said again."""
    required = {"run_id", "batch_id", "timestamp", "tags", "context", "github", "machine_info"}
    optional = {"run_tags", "run_reason", "stats", "error", "info", "validation"}
    assert required <= set(found) <= required | optional
    assert all(isinstance(found[name], str) for name in ("run_id", "batch_id", "timestamp"))
    assert datetime.fromisoformat(found["timestamp"]).tzinfo is not None
    assert all(isinstance(value, str) and key for key, value in found["run_tags"].items())
    assert found["github"]["repository"].startswith("https://github.com/")
    assert found["github"].get("commit") != ""
    machine = found["machine_info"]
    assert set(machine) == {*MACHINE_TEXT, *MACHINE_WHOLE, "gpu_product_names"}
    assert all(isinstance(machine[name], str) and machine[name] for name in MACHINE_TEXT)
    assert all(int(machine[name]) >= 0 for name in MACHINE_WHOLE)
    assert isinstance(found["tags"]["name"], str)
    assert all(isinstance(value, str) and value for value in found["tags"].values())
    assert ("stats" in found) != ("error" in found)
    if "stats" in found:
        assert set(found["stats"]) == {"data", "unit", "times", "time_unit", "iterations"}
        assert found["stats"]["unit"] in ("B", "B/s", "s", "ns", "i/s")
        assert found["stats"]["data"]


def test_conbenchs_results_keep_its_form() -> None:
    found = conbench_results(record(), REPOSITORY)
    for one in found:
        check_conbench(one)
    units = {one["tags"]["name"]: one["stats"]["unit"] for one in found}
    assert units["decode_tok_per_s"] == "i/s"
    assert units["ttft_s"] == "s"
    assert units["rss_peak_bytes"] == "B"
    decode = next(one for one in found if one["tags"]["name"] == "decode_tok_per_s")
    assert decode["stats"]["data"] == [9.8, 9.9, 10.0, 10.1, 10.2]


def test_conbench_gets_a_commit_only_where_exactly_it_was_measured() -> None:
    assert "commit" not in conbench_results(record(), REPOSITORY)[0]["github"]
    clean = record(revision={"commit": "c0ffee", "dirty": False})
    assert conbench_results(clean, REPOSITORY)[0]["github"]["commit"] == "c0ffee"
    dirty = record(revision={"commit": "c0ffee", "dirty": True})
    assert "commit" not in conbench_results(dirty, REPOSITORY)[0]["github"]


def test_a_failed_cell_is_an_error_without_its_host() -> None:
    (one,) = conbench_results(failed(), REPOSITORY)
    check_conbench(one)
    assert one["error"] == {"status": "failed", "reason": "<host>: reset by peer"}
    assert "pi.example.org" not in json.dumps(one)


def test_imported_runs_are_exported_too() -> None:
    for run in [*records("llama-bench.json"), *records("pocketpal-samsung-s23.json")]:
        for one in conbench_results(run, REPOSITORY):
            check_conbench(one)


def check_bmf(found: dict[str, Any]) -> None:
    """The rules of https://bencher.dev/bmf.json (draft-07), and the limits on names of its page."""
    for benchmark, measures in found.items():
        assert 1 <= len(benchmark) <= 1024
        for name, values in measures.items():
            assert 1 <= len(name) <= 64
            assert {"value"} <= set(values) <= {"value", "lower_value", "upper_value"}
            assert all(type(value) in (int, float) for value in values.values())


def test_the_check_of_bmf_takes_benchers_own_example() -> None:
    check_bmf({"benchmark_name": {"latency": {"value": 88.0, "lower_value": 87.42, "upper_value": 88.88}}})


def test_benchers_document_keeps_its_form() -> None:
    found, lost = bmf([record()])
    check_bmf(found)
    assert lost == []
    decode = found["local/phi3-mini-q4/tvm/pp512+tg128"]["decode-tok-per-s"]
    assert decode == {"value": median([9.8, 9.9, 10.0, 10.1, 10.2]), "lower_value": 9.8, "upper_value": 10.2}


def test_bencher_holds_one_value_of_a_cell() -> None:
    with pytest.raises(UsageError, match="both measured local/phi3-mini-q4/tvm/pp512"):
        bmf([record(), record(run_id="20261124-210000-ab12ce")])


def test_bencher_cannot_hold_a_failed_cell_and_that_is_told() -> None:
    found, lost = bmf([failed()])
    assert found == {}
    assert lost == ["pi/phi3-mini-q4/tvm/pp512+tg128: <host>: reset by peer"]


def test_rows_are_those_of_the_frame() -> None:
    """Oracle: pandas' own reading of the same records."""
    rows = list(csv.DictReader(io.StringIO(csv_text([record()]))))
    frame = to_frame([record()])
    assert list(rows[0]) == list(frame.columns)
    assert [float(row["decode_tok_per_s"]) for row in rows] == frame["decode_tok_per_s"].tolist()
    lines = [json.loads(line) for line in jsonl_text([record()]).splitlines()]
    assert [line["ttft_s"] for line in lines] == frame["ttft_s"].tolist()
    assert lines[0]["throttled"] is None


def test_a_cell_that_was_never_measured_has_a_row_with_its_reason() -> None:
    gone = {**cell(), "status": "not_run", "reason": "192.168.1.7:22 does not answer", "repetitions": []}
    (line,) = [json.loads(line) for line in jsonl_text([record(cells=[gone])]).splitlines()]
    assert (line["status"], line["reason"]) == ("not_run", "<host> does not answer")
    assert line["decode_tok_per_s"] is None


def test_a_text_that_a_spreadsheet_would_run_is_quoted() -> None:
    engine = {**DOCUMENT["engine"], "effective": "=HYPERLINK(1)\x1b[31m"}
    (row, *_) = csv.DictReader(io.StringIO(csv_text([record(engine=engine)])))
    assert row["effective"] == "'=HYPERLINK(1)[31m"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("nobody@127.0.0.1:9: connection refused", "<host>: connection refused"),
        ("ssh: pi.example.org: no route", "ssh: <host>: no route"),
        ("device R5CT10 offline", "device <host> offline"),
        ("[fe80::1:2:3]:22 timed out", "<host> timed out"),
        ("box.local:5555 refused", "<host> refused"),
        ("cannot read /home/alice/model", "cannot read /home/<user>/model"),
        ("cannot read /home/bob/model", "cannot read /home/<user>/model"),
        ("model.so exited with 139 at 12:30:05", "model.so exited with 139 at 12:30:05"),
    ],
)
def test_hosts_and_people_do_not_leave(text: str, left: str) -> None:
    assert hostless(text, failed()) == left
