"""What is true of a database alone: its tables, its errors, its secrets."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from lab import store
from lab.core.errors import StoreError
from lab.store import BadRun
from lab.store.sql import tables
from lab.store.sql.tables import HEAD, METADATA, VERSION_TABLE
from tests.formats.samples import record
from tests.postgres import Server, forget


@pytest.fixture
def engine(sql: str) -> Engine:
    return create_engine(sql.replace("postgresql://", "postgresql+psycopg://"))


def test_migrations_make_the_tables_that_the_code_writes(sql: str, engine: Engine) -> None:
    store.save(record())
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []
        assert tables.revision(connection) == HEAD
    engine.dispose()


def test_the_newest_migration_is_the_one_the_code_names() -> None:
    script = ScriptDirectory(str(tables.MIGRATIONS))
    assert script.get_heads() == [HEAD]
    assert sorted(one.revision for one in script.walk_revisions()) == tables.known()


def test_older_tables_are_read_as_they_are_and_brought_up_by_the_first_write(
    sql: str, server: Server, engine: Engine
) -> None:
    place = store.save(record())
    with engine.begin() as connection:
        command.downgrade(tables.config(connection), "0001")
    engine.dispose()
    before = server.ask("select * from lab_runs")
    forget()
    assert store.load(place) == record()
    assert [entry.run_id for entry in store.entries()] == [record().run_id]
    assert server.ask(f"select version_num from {VERSION_TABLE}") == [("0001",)]
    store.save(record("20261123-210000-000009"))
    assert server.ask(f"select version_num from {VERSION_TABLE}") == [(HEAD,)]
    kept = server.ask("select * from lab_runs where run_id = %s", record().run_id)
    assert [row[:-1] for row in kept] == before


def test_tables_of_a_newer_lab_are_left_alone(sql: str, server: Server) -> None:
    place = store.save(record())
    server.ask(f"update {VERSION_TABLE} set version_num = '0999'")
    forget()
    for attempt in (store.entries, lambda: store.load(place), lambda: store.save(record("20261123-210000-000009"))):
        with pytest.raises(StoreError, match=r"of a newer lab \(revision '0999'") as caught:
            attempt()
        assert "upgrade lab" in str(caught.value.hint)


def test_reading_makes_no_tables(sql: str, server: Server) -> None:
    assert store.entries() == []
    assert server.ask("select count(*) from pg_class where relname like 'lab_%'") == [(0,)]


def test_a_row_listed_as_another_run_is_reported(sql: str, server: Server) -> None:
    store.save(record())
    for column, value in (("target", "pixel8"), ("label", "x"), ("created_at", "2027-01-01T00:00:00Z")):
        ((old,),) = server.ask(f"select {column} from lab_runs")
        server.ask(f"update lab_runs set {column} = %s", value)
        (found,) = store.iter_runs()
        assert isinstance(found, BadRun)
        assert "listed as another run" in found.reason
        server.ask(f"update lab_runs set {column} = %s", old)
    (found,) = store.iter_runs()
    assert found == record()


def test_a_wrong_password_is_told_and_never_shown(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STORE", server.tcp_url())
    store.save(record())
    monkeypatch.setenv("LAB_STORE", server.tcp_url(password="hunter2"))
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        store.entries()
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert "check the user and the password" in str(caught.value.hint)
    assert str(store.in_use().name) == f"postgresql://127.0.0.1:{server.port}/bench"


def test_a_server_that_is_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound and not listening: nothing answers
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("LAB_STORE", server.tcp_url(port=taken.getsockname()[1]))
        with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
            store.save(record())
    assert "is the server running" in str(caught.value.hint)
    assert "s3cret" not in f"{caught.value}"


def test_a_database_that_is_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STORE", server.url("nowhere"))
    with pytest.raises(StoreError, match="nowhere") as caught:
        store.entries()
    assert "createdb" in str(caught.value.hint)


def test_a_reader_without_rights_to_write_reads(sql: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(record())
    server.ask("drop role if exists guest")
    server.ask("create role guest login")
    server.ask(f"grant select on lab_runs, {VERSION_TABLE} to guest")
    monkeypatch.setenv("LAB_STORE", sql.replace("owner@", "guest@"))
    assert [entry.run_id for entry in store.entries()] == [record().run_id]
    with pytest.raises(StoreError, match="permission denied") as caught:
        store.save(record(reason="other"))
    assert "grant" in str(caught.value.hint)
    forget()
    server.ask("drop owned by guest")
    server.ask("drop role guest")


def test_the_rights_that_the_page_names_are_enough(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/stores.md: a database with an owner who is nobody else makes the tables; others are granted the rest."""
    server.ask("create role bench login", database="postgres")
    server.ask("create role writer login", database="postgres")
    server.ask("create database team owner bench encoding 'UTF8' template template0", database="postgres")
    monkeypatch.setenv("LAB_STORE", server.url("team").replace("owner@", "bench@"))
    store.save(record(status="running"))
    server.ask("grant select on lab_runs, lab_schema to writer", database="team", user="bench")
    server.ask("grant insert, update on lab_runs to writer", database="team", user="bench")
    monkeypatch.setenv("LAB_STORE", server.url("team").replace("owner@", "writer@"))
    store.in_use().ready()
    store.save(record())
    assert [entry.run_id for entry in store.entries()] == [record().run_id]
    forget()
    server.ask("drop database team", database="postgres")
    server.ask("drop role bench", database="postgres")
    server.ask("drop role writer", database="postgres")


def test_a_database_that_does_not_hold_every_character_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ask("create database latin encoding 'LATIN1' template template0", database="postgres")
    monkeypatch.setenv("LAB_STORE", server.url("latin"))
    with pytest.raises(StoreError, match="keeps text in LATIN1") as caught:
        store.save(record())
    assert "createdb -E UTF8" in str(caught.value.hint)
    forget()
    server.ask("drop database latin", database="postgres")


def test_a_server_that_was_started_again_is_found_again(sql: str, server: Server) -> None:
    store.save(record(status="running"))
    server.ask(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'bench'"
    )
    store.save(record())
    assert [entry.run_id for entry in store.entries()] == [record().run_id]


def test_a_user_that_is_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STORE", server.url().replace("owner@", "stranger@"))
    with pytest.raises(StoreError, match="stranger") as caught:
        store.entries()
    assert "createuser" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://u:hunter2@h/d", "'postgres' is not a kind of store that lab knows. Did you mean postgresql"),
        ("sqlite:///x.db", "'sqlite' is not a kind"),
        ("postgresql+psycopg2://u:hunter2@h/d", "'postgresql\\+psycopg2' is not a kind"),
        ("hunter2", "LAB_STORE is not the URL of a database"),
        ("postgresql://u:hunter2@h:port/d", "cannot be read"),
        ("postgresql://u:hunter2@h", "names no database"),
        ("\x1b[31m://x", "is not a kind"),
    ],
)
def test_a_url_that_is_none_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str) -> None:
    monkeypatch.setenv("LAB_STORE", url)
    with pytest.raises(StoreError, match=message) as caught:
        store.entries()
    assert "postgresql://USER@HOST/DATABASE" in str(caught.value.hint)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
    assert "\x1b" not in str(caught.value)


def test_a_missing_package_says_how_to_get_it(home: Path) -> None:
    code = """
import sys
sys.modules["psycopg"] = None
from lab.cli import main
sys.exit(main(["runs"]))
"""
    env = {"LAB_STORE": "postgresql://h/d", "LAB_HOME": str(home), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install -e '.[postgres]'" in done.stderr
