"""What was sorted out, written: new runs many at a time, runs that go on one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab import store
from lab.analysis.exchange.imports.import_runs import Kept
from lab.analysis.exchange.imports.records import with_tests
from lab.core.errors import LabError
from lab.core.progress import Advance, NullProgress, Progress
from lab.formats.run_record import RunRecord

WORTH_SAYING = 500  # runs


def save_all(kept: Sequence[Kept], progress: Progress | None = None) -> None:
    """Store what is new. Ctrl-C between two of them loses nothing: the next import goes on from there.

    A run that another import stored meanwhile is not replaced: it gets the tests that it lacks.
    """
    new, more = ([one for one in kept if one.outcome == outcome] for outcome in ("new", "continued"))
    work = len(new) + len(more)
    shown = progress if progress is not None and work >= WORTH_SAYING else NullProgress()
    with (
        shown.phase("storing runs", work, "runs") as advance,
        store.alone(sorted({one.target for one in [*new, *more]})),
    ):
        there = set(store.add_all(_records(new, advance)))
        for one in [*more, *(one for one in new if one.run_id in there)]:
            _go_on(one)
            advance(0 if one.outcome == "new" else 1)
        for record in [one.own for one in new if one.own is not None]:
            store.save(record)


def _records(new: Sequence[Kept], advance: Advance) -> Iterator[RunRecord]:
    for one in new:
        if one.own is None:
            yield one.new_record()
            advance(1)


def _go_on(one: Kept) -> None:
    place = one.entry.place if one.entry else str(store.run_path(one.new_record()))
    record = store.load(store.place(place))
    if one.source is None:
        raise LabError(f"run {one.run_id}: nothing to add")
    grown = with_tests(record, one.tests, one.source)
    if grown.cells != record.cells:
        store.save(grown)


def shown_record(one: Kept) -> RunRecord:
    """Return the run as it would be with what the files add, for showing it."""
    if one.outcome == "new":
        return one.new_record()
    place = one.entry.place if one.entry else str(store.find(one.run_id))
    record = store.load(store.place(place))
    return with_tests(record, one.tests, one.source) if one.source is not None and one.tests else record
