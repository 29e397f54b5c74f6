"""The points of the store. Only what was never read, or has changed since, is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.analysis.points.build import Builder, points_of
from lab.analysis.points.cache import Kept, Unreadable, kept_file, read_kept, write_kept
from lab.analysis.points.table import Points, join, with_runs
from lab.analysis.points.varying import without_varying
from lab.core.progress import Advance, NullProgress, Progress
from lab.store import BadRun, Entry, entries, place, read_entries

WORTH_SAYING = 200  # runs: reading fewer is over before a person looks
KEPT_EVERY = 2000  # runs: a first reading that is stopped goes on from there


@dataclass(frozen=True)
class Loaded:
    """All that can be read, and what cannot be; `listed` is all that was there, by place and version."""

    points: Points
    bad: tuple[BadRun, ...]
    listed: frozenset[tuple[str, str]] = frozenset()


def load_points(target: str | None = None, progress: Progress | None = None) -> Loaded:
    """Return the points of every stored run, oldest first, of one target when given.

    What was read before comes from a cache (lab.analysis.points.cache), and that is one for all targets: a run that
    is new is read whichever target it is of. `progress` shows it when it takes long.
    """
    listed = entries()
    path = kept_file()
    kept = read_kept(path) or Kept(points_of(()), [], [])
    fresh = _fresh(kept, listed)
    if fresh or len(listed) != len(kept.versions) + len(kept.unreadable):
        kept = _settled(_read(path, kept, fresh, progress or NullProgress()), listed)
        write_kept(path, kept)
    return _chosen(kept, [entry for entry in listed if target in (None, entry.target)])


def readable_points(progress: Progress, target: str | None = None) -> Points:
    """Return the points of `load_points`, after a warning to `progress` for each run that cannot be read."""
    loaded = load_points(target, progress)
    for bad in loaded.bad:
        progress.note(f"warning: unreadable: {bad.said}")
    return loaded.points


def _fresh(kept: Kept, listed: Sequence[Entry]) -> list[Entry]:
    """Those whose document, as it is now, was never read."""
    known = _places(kept).keys() | _reasons(kept).keys()
    return [entry for entry in listed if not entry.version or (entry.place, entry.version) not in known]


def _read(path: Path, kept: Kept, fresh: Sequence[Entry], progress: Progress) -> Kept:
    """Add what is fresh, keeping what there is from time to time: a first reading of years takes minutes."""
    quiet = NullProgress() if len(fresh) < WORTH_SAYING else progress
    with quiet.phase("reading runs that are new", len(fresh), "runs") as advance:
        for start in range(0, len(fresh), KEPT_EVERY):
            if start:
                write_kept(path, kept)
            kept = _extended(kept, fresh[start : start + KEPT_EVERY], advance)
    return kept


def _extended(kept: Kept, fresh: Sequence[Entry], advance: Advance) -> Kept:
    builder, versions, unreadable = Builder(), list(kept.versions), list(kept.unreadable)
    for entry, record in zip(fresh, read_entries(fresh), strict=True):
        if isinstance(record, BadRun):
            unreadable.append(Unreadable(entry.place, entry.version, record.reason))
        else:
            builder.add(record, entry.place)
            versions.append(entry.version)
        advance(1)
    return Kept(join(kept.points, builder.points()), versions, unreadable)


def _settled(kept: Kept, listed: Sequence[Entry]) -> Kept:
    """What is listed, in its order, and nothing that is gone."""
    places, reasons = _places(kept), _reasons(kept)
    names = [(entry.place, entry.version) for entry in listed]
    order = [places[name] for name in names if name in places]
    versions = [kept.versions[place] for place in order]
    return Kept(with_runs(kept.points, order), versions, [reasons[name] for name in names if name in reasons])


def _chosen(kept: Kept, listed: Sequence[Entry]) -> Loaded:
    chosen = _settled(kept, listed)
    bad = tuple(BadRun(place(one.place), one.reason) for one in chosen.unreadable)
    return Loaded(without_varying(chosen.points), bad, frozenset((one.place, one.version) for one in listed))


def _places(kept: Kept) -> dict[tuple[str, str], int]:
    return {name: number for number, name in enumerate(zip(kept.points.runs.place, kept.versions, strict=True))}


def _reasons(kept: Kept) -> dict[tuple[str, str], Unreadable]:
    return {(one.place, one.version): one for one in kept.unreadable}
