"""Fields of dataclasses that mirror a file: limits, unknown keys, and the way back to plain data.

A field's annotation is its type and limits. A `KeepsUnknown` keeps the keys that it does not
know, so that a rewrite loses nothing; any other class refuses them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, cast

from lab.core.names import UTC_TIME

EPOCH_YEAR = 1970

KeyPath = tuple[str | int, ...]

# Of an optional key, as `dataclasses.field(default=None, metadata=LEFT_OUT)`: it is not written where it is None.
LEFT_OUT = MappingProxyType({"left_out": True})


class Unset(Enum):
    """The value of an optional key that is not in the document, where null is written too and says something else."""

    UNSET = "unset"

    def __bool__(self) -> Literal[False]:
        return False


UNSET = Unset.UNSET


_PLAIN = frozenset({type(None), bool, int, float, str})


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a value must keep, in an annotation: `Annotated[int, Limits(min=1)]`.

    `min` and `max` are inclusive, `above` is exclusive, `pattern` must match a text as a whole.
    """

    min: float | None = None
    max: float | None = None
    above: float | None = None
    unit: str = ""
    pattern: str | None = None

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with `value`, or None when it is within the limits."""
        unit = f" {self.unit}" if self.unit else ""
        if self.min is not None and value < self.min:
            return f"{value} is too small, at least {self.min}{unit} is needed"
        if self.above is not None and value <= self.above:
            return f"{value} is too small, more than {self.above}{unit} is needed"
        if self.max is not None and value > self.max:
            return f"{value} is too large, at most {self.max}{unit} is possible"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return f"{value[:60]!r} does not have the form {self.pattern}"
        return None


@dataclasses.dataclass(frozen=True)
class Shaped:
    """In an annotation of plain data: it is kept as it is, and what `kind` knows of it has to have its types."""

    kind: Any


@dataclasses.dataclass(frozen=True)
class Moment:
    """In an annotation of text: a time to the second in UTC that there is, as 2026-11-23T21:00:00Z."""

    def problem(self, value: str) -> str | None:
        """Say what is wrong with `value`, or None when it is such a time."""
        if not re.fullmatch(UTC_TIME, value):
            return f"{value[:60]!r} does not have the form {UTC_TIME}"
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return f"{value!r} is no date and time that there is"
        return None if at.year >= EPOCH_YEAR else f"{value!r} is before {EPOCH_YEAR}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeepsUnknown:
    """Base of what must survive a newer writer: keys that this version does not know stay in `extra`.

    Nothing that this version writes is there: each key of its own is a field.
    """

    extra: dict[str, Any] = dataclasses.field(default_factory=dict)


def known_fields(cls: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields of a dataclass that are keys of the file: all but `extra` of KeepsUnknown."""
    kind: Hashable = cls if isinstance(cls, type) else type(cls)
    return list(_known(kind))


@cache
def _known(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(item for item in dataclasses.fields(cls) if not (keeps_unknown(cls) and item.name == "extra"))


@cache
def _names(cls: Hashable) -> tuple[tuple[str, bool], ...]:
    """Return each key, and whether it is left out where it is None."""
    return tuple((item.name, "left_out" in item.metadata) for item in _known(cls))


def keeps_unknown(cls: Any) -> bool:
    """Whether the dataclass keeps unknown keys rather than refusing them."""
    return issubclass(cls if isinstance(cls, type) else type(cls), KeepsUnknown)


def encode(value: Any) -> Any:
    """Return plain data for a value that `decode` made: dataclasses become dicts, tuples lists."""
    kind = type(value)
    if kind in _PLAIN:  # most of what there is
        return value
    if hasattr(kind, "__dataclass_fields__"):
        return _encode_record(value)
    if kind is list or kind is tuple:
        return [item if type(item) in _PLAIN else encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key: item if type(item) in _PLAIN else encode(item) for key, item in value.items()}
    return [encode(item) for item in value] if isinstance(value, (list, tuple)) else value


def show_key(path: KeyPath) -> str:
    """Spell a key path as people write it: `[measure].repeats`, `cells[0].prompt`."""
    if not path:
        return "document"
    head, *rest = (_show_part(part) for part in path)
    if len(path) > 1 and isinstance(path[1], str):
        head = f"[{head}]"
    return head + "".join(part if part.startswith("[") else f".{part}" for part in rest)


def _show_part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    # A key comes from a file that nobody vouches for: no control characters, no endless lines.
    return part if part.isprintable() and len(part) <= 60 else repr(part[:60])


def _encode_record(record: Any) -> dict[str, Any]:
    values = vars(record)
    known = {}
    for name, left_out in _names(cast(Hashable, type(record))):
        value = values[name]
        if value is UNSET or (left_out and value is None):
            continue
        known[name] = value if type(value) in _PLAIN else encode(value)
    if extra := values.get("extra") if keeps_unknown(type(record)) else None:
        known |= {key: value for key, value in encode(extra).items() if key not in known}
    return known
