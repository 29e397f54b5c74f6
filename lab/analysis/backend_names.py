"""What computed, in a text that stays the same when a driver is updated."""

from __future__ import annotations

import re

from lab.analysis.points.settings import backend_of
from lab.analysis.tools import OWN, tool_of
from lab.core.text import printable
from lab.formats.run_record import RunRecord

VERSIONED = re.compile(r"\s*\([^()]*(\bdriver\b|\d\.\d)[^()]*\)", re.IGNORECASE)  # what a driver says of itself


def unversioned(text: str) -> str:
    """Return the text without what stands in brackets about a driver or a version."""
    return VERSIONED.sub("", text).strip()


def backend_text(record: RunRecord) -> str:
    """Return what computed, with the GPU's name and without the version of its driver."""
    gpu = "" if tool_of(record) == OWN else str(record.device.facts.get("gpu") or "")
    parts = map(unversioned, (backend_of(record), gpu))
    return printable(" ".join(part for part in parts if part))
