"""Old runs in archives: every byte kept, nothing lost and nothing twice, whenever it is stopped."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab import store
from lab.core.errors import BusyError, StoreError
from lab.core.home import profiles_dir
from lab.core.progress import NullProgress
from lab.store import BadRun, Inside
from lab.store.compact import compact, locked
from tests.formats.samples import leftovers, record

BEFORE = datetime(2026, 11, 1, tzinfo=UTC)
OLD = 20  # more than one group of an archive


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def keep(month: int, day: int, **changes: object) -> Path:
    one = record(
        f"2026{month:02d}{day:02d}-210000-ab12cd", created_at=f"2026-{month:02d}-{day:02d}T21:00:00Z", **changes
    )
    path = store.save(one)
    assert isinstance(path, Path)
    return path


def archived() -> Path:
    return profiles_dir() / "local" / "archive-2026-10.parquet"


def press() -> list[str]:
    """Compact, and return the reasons of what was left."""
    return [one.reason for one in compact(profiles_dir(), BEFORE, NullProgress())[1]]


def documents() -> dict[str, bytes]:
    return {entry.run_id: store.content(store.place(entry.place)) for entry in store.entries()}


def test_archived_runs_are_listed_found_and_read_byte_for_byte() -> None:
    paths = [keep(10, day) for day in range(1, OLD + 1)] + [keep(9, 5), keep(11, 2)]
    before, order = documents(), [entry.run_id for entry in store.entries()]
    assert press() == []
    assert [path.name for path in paths if path.exists()] == [paths[-1].name]
    assert documents() == before
    assert [entry.run_id for entry in store.entries()] == order
    assert len(store.entries("local")) == len(order)
    assert store.entries("other") == []
    place = store.find("20261005")
    assert isinstance(place, Inside)
    assert store.load(place).run_id == "20261005-210000-ab12cd"
    assert store.find(str(place)) == place
    assert leftovers(profiles_dir()) == []


def test_any_reader_of_parquet_can_look_into_an_archive() -> None:
    path = keep(10, 5)
    content = path.read_bytes()
    press()
    (row,) = pq.read_table(archived()).to_pylist()
    assert (row["run_id"], row["document"]) == ("20261005-210000-ab12cd", content)


def test_a_month_grows_and_what_is_in_it_stays() -> None:
    keep(10, 5)
    press()
    before = documents()
    keep(10, 3)
    press()
    assert before.items() < documents().items()
    assert len(store.entries()) == 2
    assert press() == []


def test_a_run_that_is_written_again_is_read_from_its_file_and_archived_again() -> None:
    keep(10, 5)
    press()
    keep(10, 5, status="failed")
    (entry,) = store.entries()
    assert store.load(store.place(entry.place)).status == "failed"
    press()
    (entry,) = store.entries()
    assert isinstance(store.place(entry.place), Inside)
    assert store.load(store.place(entry.place)).status == "failed"


def test_what_cannot_be_believed_is_left_where_it_is() -> None:
    keep(10, 5)
    damaged = keep(10, 6)
    damaged.write_text(damaged.read_text()[:100])
    (reason,) = press()
    assert "not valid JSON" in reason
    assert damaged.exists()
    found = [store.read_entry(entry) for entry in store.entries()]
    assert [isinstance(one, BadRun) for one in found] == [False, True]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"x" * 5000])
def test_a_damaged_archive_is_named_and_hides_no_other(content: bytes) -> None:
    keep(9, 5)
    keep(10, 5)
    press()
    archived().write_bytes(content)
    found = [store.read_entry(entry) for entry in store.entries()]
    (bad,) = [one for one in found if isinstance(one, BadRun)]
    assert "archive-2026-10.parquet: not a whole archive" in bad.reason
    assert len(found) == 2


def test_parquet_of_somebody_else_is_named() -> None:
    keep(10, 5)
    press()
    pq.write_table(pq.read_table(archived()).replace_schema_metadata(None), archived())
    (entry,) = store.entries()
    found = store.read_entry(entry)
    assert isinstance(found, BadRun)
    assert "no archive of lab" in found.reason


def test_a_flipped_byte_of_a_document_is_told() -> None:
    keep(10, 5)
    press()
    table = pq.read_table(archived())
    (row,) = table.to_pylist()
    row["document"] = row["document"].replace(b'"ok"', b'"OK"')
    pq.write_table(pa.Table.from_pylist([row], schema=table.schema), archived())
    (entry,) = store.entries()
    found = store.read_entry(entry)
    assert isinstance(found, BadRun)
    assert "does not match its sha256" in found.reason


def test_files_stay_when_their_archive_cannot_be_read() -> None:
    keep(10, 5)
    press()
    archived().write_bytes(b"PAR1")
    path = keep(10, 6)
    with pytest.raises(StoreError, match="not a whole archive"):
        press()
    assert path.exists()
    assert archived().read_bytes() == b"PAR1"


def test_a_member_with_a_name_of_no_run_is_named_and_the_files_stay() -> None:
    keep(10, 1)
    assert press() == []
    table = pq.read_table(archived())
    at = table.schema.get_field_index("name")
    pq.write_table(
        table.set_column(at, table.schema.field(at), pa.array(["odd"], table.schema.field(at).type)), archived()
    )
    path = keep(10, 2)
    with pytest.raises(StoreError, match="'odd' is not the name of a recorded run"):
        press()
    assert path.exists()


def test_two_do_not_rewrite_one_target_at_once() -> None:
    path = keep(10, 5)
    with locked(path.parent), pytest.raises(BusyError, match="another lab"):
        press()
    assert path.exists()


KILLED = """
import os, sys
from datetime import UTC, datetime
from lab.store.compact import compact
from lab.core.home import profiles_dir
from lab.core.progress import NullProgress
left = int(sys.argv[1])
def count(event, args):
    global left
    if event in ("open", "os.rename", "os.remove") and str(args[0]).startswith(str(profiles_dir())):
        left -= 1
        if left < 0:
            os._exit(9)  # as kill -9: nothing is tidied up
sys.addaudithook(count)
compact(profiles_dir(), datetime(2026, 11, 1, tzinfo=UTC), NullProgress())
"""


def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_twice() -> None:
    for day in (1, 2, 3):
        keep(10, day)
    before, moment, codes = documents(), 0, []
    while 0 not in codes:
        codes.append(subprocess.run([sys.executable, "-c", KILLED, str(moment)], check=False).returncode)
        assert documents() == before, f"killed at moment {moment}"
        assert len(store.entries()) == 3
        moment += 2
    assert codes.count(9) > 3
    assert [path.name for path in (profiles_dir() / "local").iterdir()] == [archived().name]
