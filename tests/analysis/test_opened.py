"""lab.open: recorded runs in a notebook, and in Parquet."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lab
from lab import store
from lab.analysis.parquet import write_parquet
from lab.analysis.points.build import points_of
from lab.analysis.run import kept_frame
from lab.analysis.run.frame import RAW, columns, to_frame
from lab.core.errors import StoreError
from lab.core.progress import NullProgress
from lab.store.compact import compact
from tests.analysis.documents import DOCUMENT, cell, record

DOC = (Path(__file__).resolve().parents[2] / "docs" / "notebooks.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for day, number in ((1, "a"), (1, "b"), (2, "a"), (2, "b")):
        keep(day, number)
    return tmp_path


def keep(day: int, number: str, **changes: Any) -> Path:
    at, run_id = f"2026-11-0{day}T21:00:00Z", f"2026110{day}-210000-ab12c{number}"
    path = store.save(record(run_id=run_id, created_at=at, **changes))
    assert isinstance(path, Path)
    return path


def assert_equal(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_examples_of_the_page_work_as_written() -> None:
    reading, _ = DOC.split("## Measuring and compiling")  # tests/cli/test_whole_path.py runs what comes after it
    code = "\n".join(re.findall(r"```python\n(.*?)```", reading, re.DOTALL))
    assert code.count("lab.open(") >= 5
    exec(compile(code, "docs/notebooks.md", "exec"), {})


def test_the_page_names_every_column() -> None:
    named = set(re.findall(r"`(\w+)`", DOC))
    assert {*columns(), *RAW} <= named


def test_raw_samples_are_those_of_the_record() -> None:
    frame = lab.open().frame(raw=True)
    repetitions = [one for run in lab.open().runs() for part in run.cells for one in part.repetitions]
    assert len(frame) == len(repetitions)
    for (_, row), one in zip(frame.iterrows(), repetitions, strict=True):
        assert tuple(row["itl_s"]) == one.itl_s
        assert row["decode_tok_per_s"] == one.decode_tok_per_s


def test_a_frame_is_kept_and_reads_what_is_new_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the records, whatever came, went, changed or was damaged since it was kept."""
    read: list[str] = []
    whole = kept_frame.rows
    monkeypatch.setattr(kept_frame, "rows", lambda record: read.append(record.run_id) or whole(record))
    assert_equal(lab.open().frame(), to_frame(lab.open().runs()))
    assert len(read) == 4
    assert_equal(lab.open().frame(), to_frame(lab.open().runs()))
    assert len(read) == 4
    first, changed, gone = keep(1, "0"), keep(2, "a", tags=["later"]), keep(1, "a")
    gone.unlink()
    assert_equal(lab.open().frame(), to_frame(lab.open().runs()))
    assert sorted(read[4:]) == sorted(path.stem.rpartition("--")[2] for path in (first, changed))
    changed.write_text("{")
    with pytest.warns(UserWarning, match="is left out"):
        assert_equal(lab.open().frame(), to_frame(lab.open().runs()))
    assert len(read) == 6


def test_a_kept_frame_is_narrowed_as_the_runs_are(home: Path) -> None:
    part = {**DOCUMENT["model"], "label": "phi3-mini-q4@2l", "layers": 2}
    keep(3, "a", model=part)
    keep(3, "b", target={"name": "other", "spec": {"name": "other"}})
    narrowed: list[dict[str, str]] = [
        {"model": "phi3-mini-q4@2l"},
        {"model": "phi3-mini-q4"},
        {"target": "other"},
        {"target": "local", "model": "phi3-mini-q4@2l"},
        {"target": "nobody"},
    ]
    for one in narrowed:
        assert_equal(lab.open().frame(**one), to_frame(lab.open().runs(**one)))


def test_a_damaged_cache_of_frames_is_no_cache(home: Path) -> None:
    frame = lab.open().frame()
    (kept,) = (home / "compiled" / "points").glob("*.arrow")
    kept.write_bytes(kept.read_bytes()[:-40])
    assert_equal(lab.open().frame(), frame)


def test_parquet_gives_back_the_frame(home: Path) -> None:
    keep(3, "a", cells=[{**cell(), "status": "failed", "repetitions": [{"index": 0, "order": 0, "status": "failed"}]}])
    path = home / "out.parquet"
    rows = write_parquet(path, lab.open().runs(), lambda runs: None)
    assert rows == len(lab.open().frame())
    assert_equal(lab.open(path).frame(raw=True), lab.open().frame(raw=True))
    assert_equal(lab.open(path).frame(target="local"), lab.open().frame(target="local"))
    assert len(lab.open(path).frame(target="other")) == 0


def test_an_archive_gives_back_records_frame_and_points(home: Path) -> None:
    runs = lab.open().runs()
    compact(home / "profiles", datetime(2027, 1, 1, tzinfo=UTC), NullProgress())
    (path,) = (home / "profiles" / "local").glob("*.parquet")
    archive = lab.open(path)
    assert archive.runs() == runs == lab.open().runs()
    assert_equal(archive.frame(raw=True), to_frame(runs, raw=True))
    np.testing.assert_array_equal(archive.points().value, points_of(runs).value)


def test_what_cannot_be_read_is_a_warning_that_names_it(home: Path) -> None:
    path = keep(3, "a")
    path.write_text("{")
    for read in (lab.open().runs, lab.open().frame, lab.open().points):
        with pytest.warns(UserWarning, match=f"{path.name} is left out: not valid JSON"):
            read()


def test_another_home_is_opened_and_this_one_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = home / "elsewhere"
    empty.mkdir()
    assert lab.open(empty).runs() == []
    monkeypatch.setenv("LAB_STORE", "postgresql://nobody@localhost:1/none")
    assert len(lab.open(home).runs()) == 4


def test_what_is_no_store_and_no_parquet_of_lab_is_refused(home: Path) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        lab.open(home / "nothing")
    (home / "text.parquet").write_text("text")
    with pytest.raises(StoreError, match="not whole Parquet"):
        lab.open(home / "text.parquet")
    pq.write_table(pa.table({"a": [1]}), home / "other.parquet")
    with pytest.raises(StoreError, match="not of this lab"):
        lab.open(home / "other.parquet")


def test_an_export_has_no_records(home: Path) -> None:
    write_parquet(home / "out.parquet", lab.open().runs(), lambda runs: None)
    with pytest.raises(StoreError, match="keeps no whole records"):
        lab.open(home / "out.parquet").runs()
