"""The tables of a database: are they there, are they ours to read, and making them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from lab.core.errors import StoreError
from lab.store.sql.tables import HEAD, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x6C61625F72756E73  # "lab_runs": who changes the tables holds this advisory lock


def revision(connection: Connection) -> str | None:
    """Return the revision that the tables are at, or None where there are none."""
    if connection.scalar(text("select to_regclass(:name)"), {"name": VERSION_TABLE}) is None:
        return None
    found: str | None = connection.scalar(text(f"select version_num from {VERSION_TABLE}"))
    return found


def check_readable(found: str | None, name: str) -> None:
    """Raise StoreError for tables that a newer lab has made; None and older ones can be read."""
    if found is not None and found not in known():
        raise StoreError(
            f"{name}: its tables are of a newer lab (revision {found[:40]!r}; this one knows {HEAD})",
            hint="upgrade lab: pip install --upgrade phi-lab",
        )


def known() -> list[str]:
    """The revisions that this lab knows, oldest first."""
    return [f"{number:04}" for number in range(1, int(HEAD) + 1)]


def migrate(connection: Connection, name: str) -> None:
    """Bring the tables to HEAD, inside the caller's transaction; of several callers one does, and the others wait."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
    found = revision(connection)
    check_readable(found, name)
    if found == HEAD:
        return
    _check_encoding(connection, name)
    from alembic import command

    command.upgrade(config(connection), HEAD)


def config(connection: Connection) -> Any:
    """Return Alembic's configuration for the migrations of this package, over an open connection."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def _check_encoding(connection: Connection, name: str) -> None:
    encoding = connection.scalar(text("show server_encoding"))
    if encoding != "UTF8":
        raise StoreError(
            f"{name}: the database keeps text in {encoding}, which does not hold every character",
            hint="make it anew in UTF-8: createdb -E UTF8 -T template0 NAME",
        )
