"""Which program measured a run, and by which rules: what tells lab's own numbers from imported ones."""

from __future__ import annotations

from lab.formats.run.blocks import MADE_UP
from lab.formats.run_record import RunRecord

OWN = "lab"


def tool_of(record: RunRecord) -> str:
    """Return the name of the program that measured: `lab`, or that of an imported run, as `llama-bench`."""
    return (record.imported and record.imported.tool) or OWN


def protocol_of(record: RunRecord) -> str:
    """Return the rules with their version: `lab 1`. Numbers under different rules are not comparable."""
    return MADE_UP if record.protocol.name == MADE_UP else f"{tool_of(record)} {record.protocol.version}"
