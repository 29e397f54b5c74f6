"""What `lab.open` gives: recorded runs, one call away from pandas."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lab.core.errors import StoreError
from lab.core.home import shown, using_home
from lab.core.text import said
from lab.formats.run_record import RunRecord
from lab.store import BadRun, iter_runs

if TYPE_CHECKING:
    import pandas as pd

    from lab.analysis.compare.axis import Table
    from lab.analysis.points.table import Points


class Opened(Protocol):
    """Recorded runs. What cannot be read is a warning that names it, and hides no other."""

    def frame(self, *, target: str | None = None, model: str | None = None, raw: bool = False) -> pd.DataFrame:
        """Return one row a repetition; columns are those of docs/notebooks.md. `raw` adds every raw sample."""

    def points(self, target: str | None = None) -> Points:
        """Return the history as columns, one row a session, cell and metric: what lab judges."""

    def runs(self, *, target: str | None = None, model: str | None = None) -> list[RunRecord]:
        """Return the records themselves, oldest first."""

    def compare(self, axis: str, **options: Any) -> Table:
        """Return the comparison of all values of `axis`, as `lab compare --axis` has it.

        `options` are the verb's: `target`, `model`, `engine`, `test`, `last`, `reference`, `metrics`, `emulated`.
        """


def opened(home: str | PathLike[str] | None) -> Opened:
    """Return the store at `home`, or the Parquet file; StoreError when there is no such thing."""
    if home is None:
        return OpenedStore(None)
    path = Path(home).expanduser()
    if path.is_file():
        from lab.analysis.parquet import OpenedParquet

        return OpenedParquet(path)
    if not path.is_dir():
        raise StoreError(f"{path}: no such folder, and no Parquet file", hint="give the folder that holds profiles/")
    return OpenedStore(path)


class OpenedStore:
    """The store in use, or the files below another home."""

    def __init__(self, home: Path | None) -> None:
        self._home = home

    def frame(self, *, target: str | None = None, model: str | None = None, raw: bool = False) -> pd.DataFrame:
        """Return one row a repetition. Without `raw` each record is read once, and then its rows are kept."""
        if raw:
            from lab.analysis.run.frame import to_frame

            return to_frame(self.runs(target=target, model=model), raw=True)
        from lab.analysis.run.kept_frame import stored_table

        with self._there():
            table, bad = stored_table(target, model)
        for one in bad:
            _warn(one)
        found: pd.DataFrame = table.to_pandas()
        return found

    def points(self, target: str | None = None) -> Points:
        """Return the history as columns."""
        from lab.analysis.points.load import load_points

        with self._there():
            loaded = load_points(target)
        for bad in loaded.bad:
            _warn(bad)
        return loaded.points

    def runs(self, *, target: str | None = None, model: str | None = None) -> list[RunRecord]:
        """Return the records themselves, oldest first."""
        with self._there():
            return list(_believed(iter_runs(target, model), model))

    def compare(self, axis: str, **options: Any) -> Table:
        """Return the comparison of all values of `axis`."""
        from lab.analysis.compare.stored import compare_along

        with self._there():
            return compare_along(self.points(), axis, **options)

    def _there(self) -> AbstractContextManager[None]:
        return nullcontext() if self._home is None else using_home(self._home)


def _believed(found: Iterable[RunRecord | BadRun], model: str | None) -> Iterator[RunRecord]:
    for run in found:
        if isinstance(run, BadRun):
            _warn(run)
        elif model in (None, run.model.id, run.model.label):
            yield run


def _warn(bad: BadRun) -> None:
    reason = bad.reason.removeprefix(f"{shown(bad.path)}: ")
    warnings.warn(f"{said(shown(bad.path))} is left out: {said(reason)}; see `lab store check`", stacklevel=4)
