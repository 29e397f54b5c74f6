"""Reasons without the names of hosts and people: what leaves the house says what failed, not where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from lab.core.errors import LabError
from lab.core.fields import encode
from lab.core.home import lab_home
from lab.core.jsonio import digest
from lab.core.text import said
from lab.formats.run_record import RunRecord
from lab.formats.target import TargetSpec, load_target
from lab.formats.transports import PUBLIC_OF_DEVICE, TRANSPORTS

LONGEST = 2000
PRIVATE = {"host", "hostname", "server", "servers", "user", "node", "path", "file", "address", "serial", "url", "ip"}
HOST, PERSON = "<host>", "<user>"
TABLES = {item.name for item in fields(TargetSpec)} - {"device", *TRANSPORTS}  # that say nothing of where a device is
_PATTERNS = (
    (re.compile(r"[\w.+-]+@(\[[0-9a-fA-F:]+\]|[\w.-]+)(:\d+)?"), HOST),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b"), HOST),
    (re.compile(r"\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\](:\d+)?"), HOST),
    (re.compile(r"\b[0-9a-fA-F:]*::[0-9a-fA-F:]*\b|\b([0-9a-fA-F]{1,4}:){5,7}[0-9a-fA-F]{1,4}\b"), HOST),
    (re.compile(r"\b[\w-]+(\.[\w-]+)*\.(local|lan|home|internal|localdomain)\b(:\d+)?"), HOST),
    (re.compile(r"(?<=/home/)[^/\s]+|(?<=/Users/)[^/\s]+"), PERSON),
)


def hostless(text: str, record: RunRecord) -> str:
    """Return the text without addresses, and without the host, user and serial that the run's target names."""
    text = text[:LONGEST]  # these patterns take time with the square of the length
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    for known in sorted(set(_known(record)), key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(known)}(?![\w-])", HOST, text)
    return said(text)


def is_public(name: str, text: str) -> bool:
    """Whether the value of a setting may leave the house: neither its name nor the value names a host or a person."""
    parts = set(re.split(r"[^a-z]+", name.lower()))
    if text.isdigit():
        return True
    return not parts & PRIVATE and not any(pattern.search(text[:LONGEST]) for pattern, _ in _PATTERNS)


def public_setting(name: str, text: str) -> str:
    """Return the value; in place of one that names a host or a person its digest, so that series stay apart."""
    return text if not text or is_public(name, text) else f"#{digest(text)[:8]}"


def _known(record: RunRecord) -> Iterator[str]:
    """Yield what the run's target says of where its device is: all that no transport declares public.

    The record has it where a version before recorded it, or one with another transport; else the target's file may.
    """
    for tables in (record.target.spec, _file_of(record.target.name, lab_home())):
        for table, values in tables.items():
            if table not in TABLES and isinstance(values, dict):
                public = PUBLIC_OF_DEVICE if table == "device" else _public(table)
                yield from (text for name, text in values.items() if name not in public and _names_one(text))


def _public(table: str) -> tuple[str, ...]:
    return TRANSPORTS[table].public if table in TRANSPORTS else ()


def _names_one(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


@cache
def _file_of(name: str, home: Path) -> dict[str, Any]:
    """Return the tables of the target's file in `home`; none where it is not here, or not readable."""
    try:
        found: dict[str, Any] = encode(load_target(name))
    except LabError:
        return {}
    return found
