"""What must not have changed between a run and its resumption."""

from __future__ import annotations

from lab.core.errors import NotComparableError
from lab.formats.run_record import RunRecord
from lab.measure.plan import Plan


def check_same_settings(record: RunRecord, plan: Plan) -> None:
    """Raise NotComparableError when the target asks for other settings now than when `record` was measured."""
    if record.bundle.key and plan.settings_fingerprint != record.plan.settings_fingerprint:
        raise NotComparableError(
            f"targets/{record.target.name}.toml measures otherwise than when run {record.run_id} was made",
            hint="measure anew, without --resume",
        )


def check_same_build(record: RunRecord, key: str) -> None:
    """Raise NotComparableError when what would run now is not what ran then."""
    if record.bundle.key and key != record.bundle.key:
        raise NotComparableError(
            f"run {record.run_id} measured build {record.bundle.key[:12]}, and this lab makes {key[:12]}",
            hint="measure anew, without --resume",
        )
