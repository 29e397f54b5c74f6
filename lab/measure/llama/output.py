"""What llama-bench and its watcher say, read strictly: another project's program vouches for nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from lab.core.decode import decode
from lab.core.errors import MeasureError
from lab.core.fields import KeepsUnknown, Limits
from lab.core.jsonio import parse_json
from lab.formats.kinds import Bytes, Count, Positive, Seconds
from lab.measure.llama.peer import Peer

MAX_LINES = 10_000
MAX_LINE_CHARS = 8 << 20  # the samples of a memory pass of an hour
MAX_TEXT = 200

Nanoseconds = Annotated[int, Limits(min=1)]


@dataclass(frozen=True)
class Row(KeepsUnknown):
    """One test of llama-bench; `samples_ns` is one time a repetition. Its other columns are in `extra`."""

    build_commit: str
    build_number: Count
    backends: str
    model_type: str
    model_size: Bytes
    model_n_params: Positive
    n_batch: Positive
    n_ubatch: Positive
    n_threads: Positive
    type_k: str
    type_v: str
    n_gpu_layers: int
    n_prompt: Count
    n_gen: Count
    n_depth: Count
    samples_ns: tuple[Nanoseconds, ...]

    @property
    def tok_per_s(self) -> list[float]:
        """Tokens over time, for each sample."""
        return [(self.n_prompt + self.n_gen) * 1e9 / ns for ns in self.samples_ns]

    @property
    def words(self) -> str:
        """Name the test as llama.cpp's llama-bench does: pp512 @ d64."""
        both = [f"pp{self.n_prompt}"] * bool(self.n_prompt) + [f"tg{self.n_gen}"] * bool(self.n_gen)
        return "+".join(both) + (f" @ d{self.n_depth}" if self.n_depth else "")


@dataclass(frozen=True)
class Counters:
    """Of the whole process, in bytes; faults are counted. `VmSwap` is null unless it was sampled."""

    VmHWM: Bytes
    major_faults: Count
    VmSwap: Bytes | None


@dataclass(frozen=True)
class Watched:
    """What the kernel counted; samples are (seconds since the start, resident bytes)."""

    counters: Counters
    rss_anon_peak_bytes: Bytes | None
    samples: tuple[tuple[Seconds, Bytes], ...]


@dataclass(frozen=True)
class _LastLine:
    watched: Watched


def read_output(peer: Peer, lines: Sequence[str]) -> tuple[list[Row], Watched]:
    """Return the rows and what was watched; MeasureError names the place that is neither."""
    if not lines:
        raise MeasureError("llama-bench said nothing")
    *before, last = lines
    where = f"llama-bench output line {len(lines)}"
    parsed = _table(parse_json(last, where=where, error=MeasureError), where)
    watched = decode(_LastLine, parsed, where=where, error=MeasureError).watched
    return read_rows(peer, before), watched


def read_rows(peer: Peer, lines: Sequence[str]) -> list[Row]:
    """Return the rows of a program that ran without its watcher; MeasureError names the place that is none."""
    return [_row(document, where) for where, document in peer.tables(lines)]


def check_line(line: str, count: int) -> None:
    """Refuse, as it comes, what would fill the memory: MeasureError."""
    if count >= MAX_LINES or len(line) > MAX_LINE_CHARS:
        raise MeasureError(f"llama-bench wrote more than {MAX_LINES} lines, or one of over {MAX_LINE_CHARS} characters")


def settings(row: Row) -> dict[str, Any]:
    """Return the columns of a row that say how it was run, texts cut to a sane length; no paths, no results."""
    left_out = ("model_filename", "n_prompt", "n_gen", "n_depth", "n_threads", "test_time", "samples_ts", "cpu_info")
    known = {name: getattr(row, name) for name in ("n_batch", "n_ubatch", "type_k", "type_v", "n_gpu_layers")}
    plain = {
        name: value[:MAX_TEXT] if isinstance(value, str) else value
        for name, value in row.extra.items()
        if isinstance(value, (str, int, float, bool)) and name not in left_out and not name.startswith(("avg_", "std"))
    }
    return {**known, **plain}


def _row(document: Any, where: str) -> Row:
    row = decode(Row, _table(document, where), where=where, error=MeasureError)
    for name in ("build_commit", "backends", "model_type", "type_k", "type_v"):
        if len(getattr(row, name)) > MAX_TEXT:
            raise MeasureError(f"{where}: {name} is {len(getattr(row, name))} characters long")
    return row


def _table(document: Any, where: str) -> Any:
    if not isinstance(document, dict):
        raise MeasureError(f"{where}: {json.dumps(document)[:60]} is no table")
    return document
