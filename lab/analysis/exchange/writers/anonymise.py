"""Reasons without the names of hosts and people: what leaves the house says what failed, not where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lab.core.jsonio import digest
from lab.core.text import said
from lab.formats.run_record import RunRecord

LONGEST = 2000
PRIVATE = {"host", "hostname", "server", "servers", "user", "node", "path", "file", "address", "serial", "url", "ip"}
HOST, PERSON = "<host>", "<user>"
REACHED_BY = ("ssh", "adb", "device")  # the tables of a target that say where it is
PLACES = ("host", "user", "jump", "address", "serial")
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
    for table in REACHED_BY:
        found: Any = record.target.spec.get(table)
        if isinstance(found, dict):
            yield from (str(found[name]) for name in PLACES if found.get(name))
