"""Recorded runs in Parquet, out and in."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from lab.analysis.run.frame import RAW, columns, table_schema, to_frame, to_table
from lab.core.atomic import publish_file
from lab.core.disk import write_failure
from lab.core.errors import LabError, StoreError
from lab.core.home import shown
from lab.core.progress import Advance
from lab.core.temporary import temporary
from lab.core.text import said
from lab.formats.run_record import RunRecord
from lab.store import Inside, load
from lab.store.archive_file import SCHEMA_KEY, read_index, read_member

if TYPE_CHECKING:
    import pandas as pd

    from lab.analysis.compare.axis import Table as Comparison
    from lab.analysis.points.table import Points

TABLE_KEY = b"lab.repetitions"  # in the file's own key-value metadata; its value is the version of the columns
VERSION = b"2"
READABLE = (b"1", VERSION)  # 1 had no columns `tool` and `doubts`, `protocol` as a number and `settings` as a digest
AT_ONCE = 64  # runs that are held in memory together


def write_parquet(path: Path, records: Iterable[RunRecord], advance: Advance = lambda runs: None) -> int:
    """Write every repetition with every raw sample, whole or not at all; return how many rows there are."""
    schema = table_schema(raw=True).with_metadata({TABLE_KEY: VERSION})
    left, rows = iter(records), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path.parent, path.name, Path.touch) as tmp:
            with pq.ParquetWriter(tmp, schema, compression="zstd") as writer:
                while some := list(islice(left, AT_ONCE)):
                    table = to_table(some, raw=True)
                    writer.write_table(table.cast(schema))
                    rows += table.num_rows
                    advance(len(some))
            publish_file(tmp, path)
    except OSError as problem:
        raise write_failure(path, problem) from problem
    return rows


class OpenedParquet:
    """One Parquet file that lab wrote: an export, which is a table, or an archive, which holds whole records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_archive = SCHEMA_KEY in self._metadata()

    def frame(self, *, target: str | None = None, model: str | None = None, raw: bool = False) -> pd.DataFrame:
        """Return one row a repetition."""
        if self._is_archive:
            return to_frame(self.runs(target=target, model=model), raw=raw)
        frame = self._table([*columns(), *(RAW if raw else ())])
        chosen = (frame["target"] == target) | (target is None)
        return frame[chosen & ((frame["model"] == model) | (model is None))].reset_index(drop=True)

    def _table(self, names: list[str]) -> pd.DataFrame:
        old = self._metadata()[TABLE_KEY] != VERSION
        try:
            there = [name for name in names if not old or name in pq.read_schema(self.path).names]
            frame: pd.DataFrame = pq.read_table(self.path, columns=there).to_pandas()
        except (OSError, pa.ArrowException) as problem:
            raise _broken(self.path, problem) from problem
        return frame.assign(protocol=frame["protocol"].astype(str)).reindex(columns=names) if old else frame

    def points(self, target: str | None = None) -> Points:
        """Return the points of an archive; StoreError for an export."""
        from lab.analysis.points.build import points_of

        return points_of(self.runs(target=target))

    def runs(self, *, target: str | None = None, model: str | None = None) -> list[RunRecord]:
        """Return the records of an archive, oldest first; StoreError for an export, which has none."""
        if not self._is_archive:
            self._refuse()
        names = [member.name for member in read_index(self.path)]
        every = [load(Inside(str(self.path), name), read_member(self.path, name)) for name in names]
        return [run for run in every if target in (None, run.target.name) and model in (None, *_names(run))]

    def compare(self, axis: str, **options: Any) -> Comparison:
        """Return the comparison of all values of `axis` in an archive; StoreError for an export."""
        from lab.analysis.compare.stored import compare_along

        return compare_along(self.points(), axis, **options)

    def _refuse(self) -> NoReturn:
        hint = "its frame() has every repetition; `lab store compact` makes archives, which keep whole records"
        raise StoreError(f"{shown(self.path)}: an export is a table and keeps no whole records", hint=hint)

    def _metadata(self) -> dict[bytes, bytes]:
        try:
            found: dict[bytes, bytes] = pq.read_schema(self.path).metadata or {}
        except (OSError, pa.ArrowException) as problem:
            raise _broken(self.path, problem) from problem
        if SCHEMA_KEY not in found and found.get(TABLE_KEY) not in READABLE:
            hint = "`lab store export --parquet FILE` writes one that can be read"
            raise StoreError(f"{shown(self.path)}: Parquet, and not of this lab", hint=hint)
        return found


def _names(run: RunRecord) -> tuple[str, str]:
    return run.model.id, run.model.label


def _broken(path: Path, problem: Exception) -> LabError:
    return StoreError(f"{shown(path)}: not whole Parquet: {said(problem)}", hint="export it again")
