"""lab import of what is no plain file, says no date, or is no result that lab reads."""

from __future__ import annotations

import io
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.formats.run_record import RunRecord
from tests.analysis.exchange.sources import CASES, written
from tests.cli.conftest import Lab

ROWS = (CASES / "growing-a-2.jsonl").read_bytes()
TABLE = CASES / "markdown-with-log-and-build.txt"


class Stdin(io.TextIOWrapper):
    """stdin of a process that another one writes to."""


def run_of(entry: store.Entry) -> RunRecord:
    found = store.read_entry(entry)
    assert isinstance(found, RunRecord)
    return found


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_stdin_is_read(lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("sys.stdin", Stdin(io.BytesIO(ROWS)))
    ran = lab("import", name, "--target", "box")
    assert (ran.code, "1 stored" in ran.out) == (0, True)
    (entry,) = store.entries()
    assert [cell.prompt for cell in run_of(entry).cells] == [512, 0]


def test_a_pipe_is_read(lab: Lab, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(ROWS,))
    writer.start()
    ran = lab("import", str(tmp_path / "pipe"), "--target", "box")
    writer.join()
    assert (ran.code, "1 stored" in ran.out) == (0, True)


def test_one_row_of_a_clock_that_was_not_set_is_left_out_or_dated(lab: Lab) -> None:
    file = str(CASES / "one-row-of-a-clock-not-set.json")
    ran = lab("import", file, "--target", "box")
    assert ran.code == 0
    assert "row 2: test_time: 1970-01-01T00:05:00Z is before the first possible measurement" in ran.err
    (entry,) = store.entries()
    assert len(run_of(entry).cells) == 1
    ran = lab("import", file, "--target", "box", "--date", "2026-01-02")
    assert ran.code == 0
    assert [run_of(one).created_at for one in store.entries()] == ["2026-01-01T02:00:00Z", "2026-01-02T00:00:00Z"]
    assert "2 already here: nothing changed" in lab("import", file, "--target", "box", "--date", "2026-01-03").out


def test_a_file_of_nothing_but_such_rows_says_how_to_date_them(lab: Lab, tmp_path: Path) -> None:
    rows = json.loads((CASES / "one-row-of-a-clock-not-set.json").read_text())[1:]
    ran = lab("import", str(written(tmp_path, rows)), "--target", "box")
    assert ran.code == 1
    assert "--date" in ran.err


@pytest.mark.parametrize("date", ["yesterday", "1970-01-01", "2999-01-01", ""])
def test_a_date_that_is_none(lab: Lab, date: str) -> None:
    ran = lab("import", str(TABLE), "--target", "box", "--date", date)
    assert ran.code == 2
    assert "--date" in ran.err


def test_a_table_counts_once_whatever_its_files_time(lab: Lab, tmp_path: Path) -> None:
    file = written(tmp_path, TABLE.read_text(), "table.md")
    os.utime(file, (1.77e9, 1.77e9))
    assert "1 stored" in lab("import", str(file), "--target", "box").out
    (entry,) = store.entries()
    assert run_of(entry).created_at == "2026-02-02T02:40:00Z"
    os.utime(file, (1.775e9, 1.775e9))
    ran = lab("import", str(file), "--target", "box")
    assert "1 already here: nothing changed" in ran.out
    assert "no date" in ran.err
    assert "1 stored" in lab("import", str(file), "--target", "box", "--date", "2026-02-09").out


@pytest.mark.parametrize("hours", [9, 14])
def test_a_phone_ahead_of_utc_is_taken_and_never_of_tomorrow(lab: Lab, tmp_path: Path, hours: int) -> None:
    """What MLPerf Mobile writes: `DateTime.now()`, local time without a zone."""
    local = (datetime.now(UTC) + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    file = written(tmp_path, mlperf(local))
    assert lab("import", str(file), "--target", "phone").code == 0
    (entry,) = store.entries()
    age = datetime.now(UTC) - datetime.fromisoformat(run_of(entry).created_at)
    assert timedelta() <= age < timedelta(minutes=10)
    assert lab("store", "check").code == 0
    assert "1 already here" in lab("import", str(file), "--target", "phone").out


def test_a_time_with_a_zone_is_still_not_of_tomorrow(lab: Lab, tmp_path: Path) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=9)).isoformat()
    ran = lab("import", str(written(tmp_path, mlperf(ahead))), "--target", "phone")
    assert (ran.code, "is in the future" in ran.err) == (1, True)


def mlperf(started: str) -> dict[str, Any]:
    counted = {"validity": True, "is_token_based": True, "token_throughput": 12.5, "latency_first_token_mean": 0.4}
    run = {"dataset": {"name": "questions"}, "start_datetime": started, "loadgen_info": counted}
    return {
        "results": [
            {
                "benchmark_id": "llm_tiny",
                "loadgen_scenario": "SingleStream",
                "backend_settings": {"accelerator_desc": "CPU", "model_path": "tiny.tflite"},
                "backend_info": {"backend_name": "TFLite", "accelerator_name": "CPU"},
                "performance_run": run,
            }
        ],
        "environment_info": {"platform": "android", "value": {"android": {"os_version": "15"}}},
        "build_info": {"version": "6.0", "git_commit": "abc", "git_dirty_flag": False},
    }


OTHERS: list[tuple[Any, str]] = [
    ([{"name": "decode", "unit": "tok/s", "value": 50.1}], "github-action-benchmark"),
    ({"benchmarks": [], "machine_info": {}}, "pytest-benchmark"),
    ({"avg_latency": 1.0, "latencies": [1.0], "percentiles": {}}, "vLLM"),
    ({"commit_hash": "a", "params": {}, "results": {}}, "asv"),
    ([{"benchmarkModel": {"name": "x"}, "metric": {"name": "t"}}], "ExecuTorch"),
    ({"n_kv_max": 4096, "pp": 512, "tg": 128, "pl": 1, "n_kv": 640}, "batched-bench"),
    ({"time_to_first_token": {}, "inter_token_latency": {}, "request_latency": {}}, "AIPerf"),
    ({"results_summary": [], "runtime_info": {}, "system_info": {}}, "LocalScore"),
]


@pytest.mark.parametrize(("content", "tool"), OTHERS)
def test_results_of_other_tools_are_named_with_a_next_step(lab: Lab, tmp_path: Path, content: Any, tool: str) -> None:
    ran = lab("import", str(written(tmp_path, json.dumps(content, indent=1))), "--target", "box")
    assert ran.code == 1
    assert tool in ran.err
    assert "which lab does not read" in ran.err
    assert "hint: " in ran.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other-tools-list.json", "a JSON list, and no llama-bench rows in it"),
        ("pocketpal-legacy-without-bench.json", "a PocketPal report of version 1.0: needs `bench`"),
    ],
)
def test_messages_name_what_it_is(lab: Lab, name: str, text: str) -> None:
    ran = lab("import", str(CASES / name), "--target", "box")
    assert ran.code == 1
    assert text in ran.err
    assert "hint: " in ran.err


def test_a_missing_file_and_a_folder_have_a_next_step(lab: Lab, tmp_path: Path) -> None:
    for name in ("nowhere.json", str(tmp_path)):
        ran = lab("import", name, "--target", "box")
        assert ran.code == 1
        assert "hint: " in ran.err


def test_what_was_not_read_is_told_and_no_error(lab: Lab) -> None:
    ran = lab("import", str(CASES / "ctrl-c-inside-third-row.json"), "--target", "box")
    assert ran.code == 0
    assert "warning: " in ran.err
    assert "cut off, the first in line 76" in ran.err
    ran = lab("import", str(CASES / "log-lines-between-rows.jsonl"), "--target", "box", "--json", "--dry-run")
    (file,) = ran.document["files"]
    assert file["left_out_counts"] == {"log": 2}
    assert file["left_out"][0]["line"] == 2
