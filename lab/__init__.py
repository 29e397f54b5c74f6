"""lab: the bench that measures language models on the devices they are meant for."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.analysis.opened import Opened

__version__ = "0.1.0"


def open(home: str | PathLike[str] | None = None) -> Opened:
    """Open recorded runs for a notebook: `lab.open().frame()` is a table for pandas, one row a repetition.

    `home` is the folder that holds profiles/, or a Parquet file that lab wrote (an export or an archive); None means
    the store that every verb uses: $LAB_STORE, else $LAB_HOME, else the working folder. docs/notebooks.md shows more.
    """
    from lab.analysis.opened import opened

    return opened(home)
