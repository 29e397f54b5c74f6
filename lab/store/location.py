"""Where a recorded run is: a file of its own, or a part of something bigger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Inside:
    """A run that is no file of its own: a row of a database, a member of an archive.

    `holder` is shown to people and holds no password. `str()` gives what `lab show` takes.
    """

    holder: str
    name: str  # unique in the holder; of a database it is the run id

    def __str__(self) -> str:
        return f"{self.holder}#{self.name}"

    @classmethod
    def of(cls, text: str, holder: str) -> Inside | None:
        """Return the place that `text` spells, when it is one inside `holder`."""
        found, mark, name = text.rpartition("#")
        return cls(holder, name) if mark and found == holder else None


Place = Path | Inside
