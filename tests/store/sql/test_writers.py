"""Several writers at one database: nothing half, nothing lost, nobody's finished run replaced."""

from __future__ import annotations

import json
import subprocess
import sys

import psycopg
import pytest

from lab import store
from lab.core.errors import StoreError
from lab.core.jsonio import digest
from lab.formats.run_record import RunRecord
from tests.formats.samples import record
from tests.postgres import Server, forget

# Each writes its own runs and all write one, growing it like a session does; all begin with the tables missing.
WRITER = """
import sys
from lab import store
from tests.formats.samples import record
number = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for step in range(20):
    store.save(record(f"20261123-210000-0000{number:02}", status="running" if step < 19 else "ok", reason=f"{step}"))
    store.save(record("20261123-210000-ffffff", status="running", reason=f"{number} {step} " + "x" * 5000 * (step % 5)))
"""


def started(code: str, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", code, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(argv, text=True, **pipes)  # type: ignore[call-overload]
    assert process.stdout.readline() == "ready\n"
    return process  # type: ignore[no-any-return]


@pytest.mark.slow
def test_writers_of_the_same_and_of_other_runs_lose_nothing(sql: str) -> None:
    writers = [started(WRITER, str(number)) for number in range(4)]
    for one in writers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in writers:
        said, problem = one.communicate()
        assert (one.returncode, problem) == (0, ""), said
    runs = [run for run in store.iter_runs() if isinstance(run, RunRecord)]
    assert [(run.run_id[-2:], run.status, run.reason) for run in runs[:4]] == [
        (f"0{number}", "ok", "19") for number in range(4)
    ]
    (shared,) = runs[4:]
    number, step, filling = str(shared.reason).split(" ")
    assert step == "19"
    assert (int(number) in range(4), len(filling)) == (True, 5000 * (19 % 5))


def test_a_finished_run_is_not_replaced_by_who_does_not_know_it(sql: str) -> None:
    place = store.save(record(status="ok"))
    forget()
    with pytest.raises(StoreError, match="another lab has finished this run") as caught:
        store.save(record(status="failed"))
    assert "load it again" in str(caught.value.hint)
    assert store.load(place).status == "ok"
    store.save(record(status="failed"))  # it knows it now
    assert store.load(place).status == "failed"


def test_the_same_document_again_is_nothing_new(sql: str) -> None:
    place = store.save(record())
    forget()
    assert store.save(record()) == place


def test_a_stale_writer_cannot_undo_what_another_one_finished(sql: str, server: Server) -> None:
    place = store.save(record(status="running"))
    stale = store.in_use()
    theirs = {**json.loads(store.content(place)), "status": "failed", "reason": "the bench was rebooted"}
    theirs["sha256"] = digest({key: value for key, value in theirs.items() if key != "sha256"})
    server.ask(
        "update lab_runs set document = %s, status = 'failed', sha256 = %s", json.dumps(theirs), theirs["sha256"]
    )
    assert store.in_use() is stale
    for status in ("running", "ok"):
        with pytest.raises(StoreError, match="another lab has finished"):
            store.save(record(status=status))
    assert store.load(place).reason == "the bench was rebooted"


def test_a_listing_does_not_make_a_run_known(sql: str) -> None:
    store.save(record())
    forget()
    assert len(list(store.iter_runs())) == 1
    with pytest.raises(StoreError, match="another lab has finished"):
        store.save(record(reason="edited"))


def test_an_answer_that_never_arrived_does_not_stop_the_writer(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server took a finished state and its answer was lost: the same process may go on."""
    store.save(record(status="running"))
    commit = psycopg.Connection.commit

    def lost(connection: psycopg.Connection[object]) -> None:
        commit(connection)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "commit", lost)
        with pytest.raises(StoreError, match="closed the connection unexpectedly"):
            store.save(record(status="ok"))
    (seen,) = store.iter_runs()  # which makes nothing known
    assert isinstance(seen, RunRecord)
    assert seen.status == "ok"
    place = store.save(record(status="ok", reason="with the total time"))
    assert store.load(place).reason == "with the total time"


@pytest.mark.slow
def test_many_processes_make_the_tables_once(sql: str, server: Server) -> None:
    code = """
import sys
from lab import store
from tests.formats.samples import record
print("ready", flush=True)
sys.stdin.readline()
store.save(record(f"20261123-210000-0000{int(sys.argv[1]):02}"))
"""
    writers = [started(code, str(number)) for number in range(6)]
    for one in writers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate()[1] for one in writers]
    assert answers == [""] * 6
    assert server.ask("select count(*) from lab_schema") == [(1,)]
    assert len(store.entries()) == 6
