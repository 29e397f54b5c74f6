"""What a scan of lines finds: rows, whole reports, and what was left out, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["log", "cut", "broken", "other"]
SHAPE = ("n_prompt", "n_gen")  # the columns that llama-bench has always had, and nobody else has
_TELLING = (*SHAPE, "model_filename", "avg_ns", "avg_ts", "test_time")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of llama-bench, as it stands in the file."""

    line: int
    format: str
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON object that is no row of llama-bench; `listed` where it may be one of a list."""

    line: int
    content: dict[str, Any]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that is not read: of a log, cut off before its end, broken, or of something that lab does not read."""

    line: int
    kind: Kind
    text: str


Item = Row | Document | LeftOut


def is_llama_row(columns: Mapping[str, Any]) -> bool:
    """Whether an object has enough of llama-bench's columns to be meant as a row of it."""
    return sum(name in columns for name in _TELLING) >= 2


def has_shape(names: Iterable[str]) -> bool:
    """Whether these columns are those of a table of llama-bench."""
    return set(SHAPE) <= set(names)
