"""How Alembic runs the migrations: over the connection that lab.store.sql.tables hands it."""

from __future__ import annotations

from alembic import context

from lab.store.sql.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
context.run_migrations()
