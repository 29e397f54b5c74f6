"""Nested plain data as lines of `key.path  value`, so that nothing recorded stays out of sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.core.text import SHOWN_CHARS, cut
from lab.formats.metrics import NOT_MEASURED


def flat_pairs(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted key, text) for every leaf; lists stay on one line."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat_pairs(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, text_of(value)


def in_one_line(value: Mapping[str, Any]) -> str:
    """Return `key value, key value`; what is null is left out."""
    return ", ".join(f"{key} {text}" for key, text in flat_pairs(value) if text != NOT_MEASURED)


def text_of(value: Any) -> str:
    """Return a leaf as people read it: null as a dash, yes and no, lists with spaces, short numbers."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(_item(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return "none" if not value else in_one_line(value)
    return f"{value:.6g}" if isinstance(value, float) else cut(str(value), SHOWN_CHARS)


def _item(item: Any) -> str:
    return f"({in_one_line(item)})" if isinstance(item, Mapping) else text_of(item)
