"""The lengths that the run before chose: a machine stays on its step of the ladder where its speed allows two."""

from __future__ import annotations

from lab import store
from lab.formats.run_record import RunRecord
from lab.measure.lengths import Step

LOOKED_AT = 20  # newest runs of the target and model: who named lengths in all of them has left the series anyway


def earlier_step(target: str, label: str, serial_hash: str) -> Step | None:
    """Return prompt and generate as the newest run of this device and model chose them, or None."""
    of_model = [entry for entry in store.entries(target) if entry.may_be_of(label)]
    for record in store.read_entries(reversed(of_model[-LOOKED_AT:])):
        step = _step(record, label, serial_hash) if isinstance(record, RunRecord) else None
        if step is not None:
            return step
    return None


def _step(record: RunRecord, label: str, serial_hash: str) -> Step | None:
    lengths = record.plan.lengths
    if record.model.label != label or record.device.serial_hash != serial_hash or not lengths:
        return None
    return lengths.prompt, lengths.generate
