"""When a row was last written, and an index for the newest runs of all targets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, now for what is there, and the index."""
    op.add_column(
        "lab_runs",
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("lab_runs_by_time", "lab_runs", ["created_at", "run_id"])


def downgrade() -> None:
    """Forget when rows were written."""
    op.drop_index("lab_runs_by_time", "lab_runs")
    op.drop_column("lab_runs", "saved_at")
