"""`lab store copy`, and every verb that reads or writes runs, on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import store
from lab.store.location import Inside
from tests.analysis.documents import MODEL, record
from tests.cli.conftest import Keep, Lab
from tests.cli.test_resume import KEY, lacking, same_build  # noqa: F401 - a fixture
from tests.cli.test_run_verb import Session, session  # noqa: F401 - a fixture
from tests.postgres import Server

IDS = ("20261123-210000-ab12cd", "20261124-210000-ab12ce", "20261125-210000-ab12cf")
DAYS = ("2026-11-23T21:00:00Z", "2026-11-24T21:00:00Z", "2026-11-25T21:00:00Z")


@pytest.fixture
def three(keep: Keep) -> list[Path]:
    """Three runs in files, one with text that tests a database."""
    for run_id, day in zip(IDS, DAYS, strict=True):
        keep(run_id=run_id, created_at=day, reason="\x00 \u2028 😀 ' \\", model={**MODEL, "label": "phi3-mini-q4"})
    return [Path(entry.place) for entry in store.entries()]


def documents(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.glob("profiles/*/*.json")}


def test_there_and_back_is_byte_for_byte(
    lab: Lab, three: list[Path], database: str, home: Path, tmp_path: Path
) -> None:
    there = lab("store", "copy", "--to", database)
    assert (there.code, "3 copied" in there.out) == (0, True)
    back = lab("store", "copy", "--from", database, "--to", str(tmp_path / "back"), "--json").document
    assert (back["copied"], back["already"], back["exit_code"]) == (3, 0, 0)
    assert documents(tmp_path / "back") == documents(home)
    assert len(documents(home)) == 3


def test_a_second_time_finds_all_there(lab: Lab, three: list[Path], database: str) -> None:
    assert lab("store", "copy", "--to", database, "--json").document["copied"] == 3
    again = lab("store", "copy", "--to", database, "--json").document
    assert (again["copied"], again["already"]) == (0, 3)


def test_a_damaged_run_is_named_and_the_rest_copied(lab: Lab, three: list[Path], database: str) -> None:
    three[1].write_text(three[1].read_text()[:-100])
    ran = lab("store", "copy", "--to", database)
    assert ran.code == 1
    assert "2 copied" in ran.out
    assert three[1].name in ran.out.replace("\n", "")
    (bad,) = lab("store", "copy", "--to", database, "--json").document["damaged"]
    assert bad["path"].endswith(three[1].name)
    assert "JSON" in bad["reason"]


def test_a_damaged_row_is_named_on_the_way_back(
    lab: Lab,
    three: list[Path],
    database: str,
    server: Server,
    tmp_path: Path,
) -> None:
    lab("store", "copy", "--to", database)
    server.ask("update lab_runs set document = replace(document, '9.8', '9.9') where run_id = %s", IDS[0])
    ran = lab("store", "copy", "--from", database, "--to", str(tmp_path / "back"), "--json")
    assert (ran.code, ran.document["copied"]) == (1, 2)
    assert ran.document["damaged"][0]["path"].endswith(f"#{IDS[0]}")
    again = lab("store", "copy", "--to", database, "--json")
    assert (again.code, again.document["already"]) == (1, 2)
    assert "is damaged" in again.document["conflicts"][0]["reason"]


@pytest.mark.parametrize("way", ["there", "back"])
def test_another_document_of_the_same_id_is_not_overwritten(
    lab: Lab,
    three: list[Path],
    database: str,
    way: str,
) -> None:
    lab("store", "copy", "--to", database)
    store.save(record(run_id=IDS[2], created_at=DAYS[2], reason="edited here"))
    argv = ("--to", database) if way == "there" else ("--from", database, "--to", os.environ["LAB_HOME"])
    ran = lab("store", "copy", *argv, "--json")
    assert (ran.code, ran.document["already"]) == (1, 2)
    (conflict,) = ran.document["conflicts"]
    assert IDS[2] in conflict["path"]
    assert lab("show", "latest", "--json").document["reason"] == "edited here"
    os.environ["LAB_STORE"] = database
    try:
        assert lab("show", "latest", "--json").document["reason"] != "edited here"
    finally:
        del os.environ["LAB_STORE"]


def test_a_run_that_was_unfinished_there_is_brought_up_and_never_put_back(
    lab: Lab,
    keep: Keep,
    database: str,
    tmp_path: Path,
) -> None:
    keep(status="running")
    old = tmp_path / "old"
    lab("store", "copy", "--to", str(old))
    lab("store", "copy", "--to", database)
    keep(status="ok")
    assert lab("store", "copy", "--to", database, "--json").document["updated"] == 1
    ran = lab("store", "copy", "--from", str(old), "--to", database, "--json")
    assert (ran.code, ran.document["already"]) == (0, 1)
    assert lab("store", "copy", "--to", database, "--json").document["already"] == 1


def test_a_copy_that_was_stopped_goes_on(three: list[Path], database: str, lab: Lab, server: Server) -> None:
    stop = """
import os, signal, sys
from lab.store.sql.store import SqlStore
from lab.cli.main import entry
add, left = SqlStore.add, [2]
def counted(self, *args):
    done = add(self, *args)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGINT)
    return done
SqlStore.add = counted
sys.argv = ["lab", "store", "copy", "--to", sys.argv[1]]
entry()
"""
    done = subprocess.run([sys.executable, "-c", stop, database], capture_output=True, text=True)
    assert (done.returncode, "goes on from there" in done.stderr) == (130, True), done.stderr
    found = lab("store", "copy", "--to", database, "--json").document
    assert (found["copied"], found["already"]) == (1, 2)


def test_no_such_place_is_one_sentence(lab: Lab, three: list[Path]) -> None:
    ran = lab("store", "copy", "--to", "mysql://u:hunter2@h/d")
    assert (ran.code, "hunter2" in ran.err) == (1, False)
    assert "'mysql' is not a kind of store" in ran.err


@pytest.fixture
def in_sql(three: list[Path], lab: Lab, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The three runs in a database that is in use."""
    lab("store", "copy", "--to", database)
    monkeypatch.setenv("LAB_STORE", database)
    return database


def test_show_prints_the_same_bytes_from_both(lab: Lab, three: list[Path], in_sql: str) -> None:
    for run_id, path in zip(IDS, three, strict=True):
        assert lab("show", run_id, "--json").out == path.read_text()


@pytest.mark.parametrize(
    "argv", [["show", "latest"], ["compare", "latest~1", "latest"], ["compare", IDS[0], "latest", "--json"], ["runs"],
             ["show", "latest", "--export", "llama-bench"]]
)  # fmt: skip
def test_verbs_say_the_same_of_both(
    lab: Lab, three: list[Path], in_sql: str, argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from_sql = lab(*argv)
    monkeypatch.delenv("LAB_STORE")
    assert from_sql == lab(*argv)
    assert from_sql.code == 0


def test_runs_names_the_place_and_what_cannot_be_read(lab: Lab, in_sql: str, server: Server) -> None:
    server.ask("update lab_runs set document = replace(document, '9.8', '9.9') where run_id = %s", IDS[0])
    document = lab("runs", "--json").document
    assert [run["run_id"] for run in document["runs"]] == list(IDS[1:])
    (bad,) = document["unreadable"]
    assert bad["path"] == f"{store.in_use().name}#{IDS[0]}"
    assert "does not match its sha256" in bad["reason"]
    assert lab("show", document["runs"][0]["path"], "--json").document["run_id"] == IDS[1]
    shown = lab("show", IDS[0], "--json")
    assert (shown.code, shown.out) == (1, "")


def test_an_empty_database_says_what_to_do_first(
    lab: Lab,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_STORE", database)
    ran = lab("show", "latest")
    assert ran.code == 1
    assert "`lab run` measures and records the first one" in ran.err
    assert lab("runs").code == 0


def test_run_and_resume_store_in_the_database(
    lab: Lab,
    keep: Keep,
    session: Session,  # noqa: F811
    database: str,
    server: Server,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_STORE", database)
    first = keep(
        run_id="20261101-000000-aaaaaa",
        status="interrupted",
        cells=lacking(),
        bundle={**store.to_json(record())["bundle"], "key": KEY},
    )
    ran = lab("run", "--resume", first.run_id, "--json")
    assert ran.code == 0
    assert session.said == {"resumes": first.run_id}
    rows = dict(server.ask("select run_id, document from lab_runs"))
    assert len(rows) == 2
    assert ran.out == rows[ran.document["run_id"]]
    assert documents(home) == {}


def test_a_server_that_is_away_is_told_before_anything_is_built(
    lab: Lab,
    session: Session,  # noqa: F811
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_STORE", server.url("nowhere"))
    ran = lab("run", "--target", "local", "--model", "phi3-mini-q4")
    assert (ran.code, session.plan) == (1, None)
    assert "createdb" in ran.err


def test_an_interrupted_run_names_its_row(
    lab: Lab,
    session: Session,  # noqa: F811
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lab.measure.session import Interrupted

    monkeypatch.setenv("LAB_STORE", database)
    kept = record(status="interrupted")
    place = store.save(kept)
    assert isinstance(place, Inside)
    session.result = Interrupted(kept, place)
    ran = lab("run", "--target", "local", "--model", "phi3-mini-q4")
    assert ran.code == 130
    assert f"the run is kept in {place}" in ran.err


def test_reading_files_needs_none_of_the_databases_packages(keep: Keep) -> None:
    keep()
    code = """
import sys
from lab.cli import main
main(["runs", "--json"])
print({"sqlalchemy", "psycopg", "alembic"} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(done.stdout)["runs"]
    assert done.stderr.strip() == "set()"
