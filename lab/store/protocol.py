"""What every store says of the runs it holds, and what it has to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from lab.core.home import shown
from lab.core.text import printable
from lab.formats.run_record import RunRecord
from lab.store.location import Inside, Place


@dataclass(frozen=True)
class BadRun:
    """A stored run that cannot be believed, and why."""

    path: Place
    reason: str

    @property
    def said(self) -> str:
        """The place and the reason on one line, harmless on a terminal."""
        return printable(f"{shown(self.path)}: {self.why}")

    @property
    def why(self) -> str:
        """The reason without the place that most begin with, as it was seen from where it was read; not cleaned."""
        place, _, rest = self.reason.partition(f"{self.path.name}: ")
        return rest if self.path.name and rest and place in str(self.path) else self.reason


@dataclass(frozen=True, order=True)
class Entry:
    """A stored run that nobody has read yet: what its place alone says of it, "" where that says nothing.

    `version` changes whenever the document does, so what was derived from it can be kept. In a database and in an
    archive it is the document's sha256.
    """

    stamp: str
    run_id: str
    label: str
    target: str
    place: str
    version: str

    @property
    def models(self) -> tuple[str, str]:
        """The id of its model, and the label, which says how many layers were kept."""
        return self.label.partition("@")[0], self.label

    def may_be_of(self, model: str) -> bool:
        """Whether it can be a run of this model id or label; an odd name may be of any."""
        return not self.label or model in self.models


class Source(Protocol):
    """Something that runs are read from."""

    def entries(self, target: str | None = None) -> list[Entry]:
        """Return what is there, in any order, of one target when given. No document is read."""

    def place(self, text: str) -> Place | None:
        """Return the place that the `place` of an entry spells, or None when it is not one of this source's."""

    def content(self, place: Inside) -> bytes:
        """Return the document exactly as it stands, not yet checked; StoreError when there is none."""


def place_in(source: Source, text: str) -> Place:
    """Return the place that `text` spells: one of the source's, else a path."""
    return source.place(text) or Path(text)


class Store(Source, Protocol):
    """A source that can be written to."""

    @property
    def name(self) -> str:
        """What messages call it; holds no password."""

    @property
    def where(self) -> str:
        """The same for who finds nothing in it: a folder in full, and whether LAB_HOME is there at all."""

    def ready(self) -> None:
        """Raise StoreError now when nothing could be written later: asked before hours of work."""

    def contents(self, entries: list[Entry]) -> dict[str, bytes]:
        """Return place -> document of those entries that are worth fetching at once; others are read one by one."""

    def place_of(self, record: RunRecord) -> Place:
        """Return where the record is stored, or would be."""

    def write(self, record: RunRecord, content: bytes) -> Place:
        """Store `content`, the record's document, replacing an earlier state of the same run."""

    def add(self, record: RunRecord, content: bytes) -> bool:
        """Store `content` unless something is stored at its place already; whether it was stored."""

    def add_many(self, runs: Iterable[tuple[RunRecord, bytes]]) -> Iterator[str]:
        """Store each unless something is stored at its place already; yield the ids of those that were not stored."""

    def alone(self, targets: Iterable[str]) -> AbstractContextManager[None]:
        """Keep others from changing stored runs of these targets; waits until they have done."""


@runtime_checkable
class Removing(Protocol):
    """A store that removes runs itself; those of files and archives are removed by lab.store.remove."""

    def remove(self, run_ids: Sequence[str]) -> None:
        """Remove the runs with these ids, for good."""
