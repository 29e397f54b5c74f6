"""The tables as this lab writes them; whether a database has them, and making them.

Reading needs the columns of revision 0001 only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Index, MetaData, Table, Text, func, text

from lab.core.errors import StoreError

HEAD = "0002"  # the newest revision in migrations/versions
VERSION_TABLE = "lab_schema"

METADATA = MetaData()

# The document is text, not jsonb, which would sort its keys, spell its numbers anew and refuse \u0000. The other
# columns repeat what the document says, for queries.
RUNS = Table(
    "lab_runs",
    METADATA,
    Column("run_id", Text, primary_key=True),
    Column("created_at", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("saved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("lab_runs_by_target", RUNS.c.target, RUNS.c.created_at)
Index("lab_runs_by_time", RUNS.c.created_at, RUNS.c.run_id)


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
