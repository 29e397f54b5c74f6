"""The tables as this lab writes them. Reading needs the columns of revision 0001 only."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, func

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
