"""Imported tests into the store: each once, into the run of its session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lab import store
from lab.analysis.exchange.imports.records import Source, record_of, run_id_of
from lab.analysis.exchange.imports.sessions import Sessions
from lab.analysis.exchange.imports.stored_tests import Stored, conditions_of, seconds, stored_tests
from lab.analysis.exchange.readers.files import ReadFile
from lab.analysis.exchange.readers.parsed import ForeignTest, Subject
from lab.core.errors import ForeignFileError
from lab.formats.run_record import RunRecord
from lab.formats.test import Test

Outcome = Literal["new", "continued", "already here"]


@dataclass
class Kept:
    """A run that the files have tests of, and what becomes of it.

    `tests` are those to store in it, of them `sampled` that give samples to what was a mean; `known` counts those
    that the store has already. `own` is a run of another lab, which comes whole.
    """

    run_id: str
    target: str
    outcome: Outcome
    subject: Subject | None = None
    source: Source | None = None
    tests: list[ForeignTest] = field(default_factory=list)
    sampled: int = 0
    known: int = 0
    own: RunRecord | None = None
    emulated: bool = False
    entry: store.Entry | None = None  # of the stored run

    def new_record(self) -> RunRecord:
        """Return the run that these tests make, as if there were no other."""
        if self.own is not None:
            return self.own
        if self.subject is None or self.source is None:
            raise ValueError("a run that is stored already is read from the store")
        return record_of(self.subject, self.tests, self.source, self.target, emulated=self.emulated, run_id=self.run_id)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A test on its way: of which file, under which conditions."""

    file: int
    subject: Subject
    conditions: str
    test: ForeignTest


def records_of(file: ReadFile) -> list[RunRecord]:
    """Return the runs of a file, as an empty store would get them."""
    return [one.new_record() for one in sort_out([file], Stored([], {}, {}))]


def sort_out(files: Sequence[ReadFile], into: Stored | None = None) -> list[Kept]:
    """Return every run with what storing it means; nothing is written. `into` stands for the store where it is given.

    Raises:
        ForeignFileError: a test is stored under another target, or another run has the id of a new one.
    """
    taken, doubled = _each_once(files)
    stored = stored_tests(_times(files, taken)) if into is None else into
    return [*_own(files, stored), *_placed(files, taken, doubled, stored)]


def _times(files: Sequence[ReadFile], taken: Sequence[_Taken]) -> list[float] | None:
    if any(file.undated for file in files):  # the same rows may be stored under any date
        return None
    return sorted(seconds(one.test.at) for one in taken)


def _each_once(files: Sequence[ReadFile]) -> tuple[list[_Taken], list[tuple[int, str]]]:
    """Return the tests in the order of time, and (file, key) of those that came before; samples win over means.

    Rows of one file with one key and different conditions are different tests all the same.
    """
    taken: dict[tuple[str, str], _Taken] = {}
    first: dict[str, tuple[int, str]] = {}
    doubled: list[tuple[int, str]] = []
    conditions: dict[int, str] = {}
    for number, file in enumerate(files):
        for subject, test in file.tests:
            under = conditions.get(id(subject)) or conditions.setdefault(id(subject), _conditions(file, subject, test))
            at = first.setdefault(test.key, (number, under))
            name = (test.key, under if at[0] == number else at[1])
            before = taken.get(name)
            if before is not None:
                doubled.append((number, test.key))
            if before is None or (before.test.averaged and not test.averaged):
                taken[name] = _Taken(number, subject, under, test)
    return sorted(taken.values(), key=lambda one: one.test.at), doubled


def _conditions(file: ReadFile, subject: Subject, test: ForeignTest) -> str:
    return conditions_of(record_of(subject, [test], file.source, file.target, emulated=file.emulated))


def _own(files: Sequence[ReadFile], stored: Stored) -> Iterator[Kept]:
    """Runs of another lab: each is here, or new, and none over another."""
    for record in [file.own for file in files if file.own is not None]:
        entry = stored.entries.get(record.run_id)
        found = store.read_entry(entry) if entry else None
        if found is not None and found != record:
            raise _clash(record.run_id, found)
        outcome: Outcome = "new" if found is None else "already here"
        yield Kept(record.run_id, record.target.name, outcome, own=record, known=len(record.cells), entry=entry)


def _placed(
    files: Sequence[ReadFile], taken: Sequence[_Taken], doubled: Sequence[tuple[int, str]], stored: Stored
) -> list[Kept]:
    sessions: Sessions[Kept] = Sessions()
    here: dict[str, Kept] = {}  # by run id: those that are stored
    for run in stored.runs:
        kept = here[run.entry.run_id] = Kept(run.entry.run_id, run.entry.target, "already here", entry=run.entry)
        sessions.have(run.conditions + run.entry.target, kept, run.start_s, run.end_s, set(run.tests))
    made: list[Kept] = []
    touched: dict[str, Kept] = {}
    for one in taken:
        kept = _known(one, files[one.file], here, stored) or _session(one, files[one.file], sessions, made, stored)
        if kept.entry is not None:
            touched[kept.run_id] = kept
    return [*made, *touched.values(), *_again(files, doubled, made, here, stored)]


def _known(one: _Taken, file: ReadFile, here: dict[str, Kept], stored: Stored) -> Kept | None:
    """The stored run that has the test already; it gets the samples where it has the mean alone."""
    known = stored.tests.get(one.test.key)
    if known is None:
        return None
    if known.target != file.target:
        remove = f"`lab store remove {known.run_id} --yes`"
        raise ForeignFileError(
            f"{file.name}: row {one.test.row}: stored already in run {known.run_id}, under target {known.target}",
            hint=f"import it with --target {known.target}; or {remove}, and import it again",
        )
    kept = here[known.run_id]
    if known.mean and not one.test.averaged:
        kept.outcome, kept.sampled = "continued", kept.sampled + 1
        kept.source, kept.subject = file.source, one.subject
        kept.tests.append(one.test)
    else:
        kept.known += 1
    return kept


def _session(one: _Taken, file: ReadFile, sessions: Sessions[Kept], made: list[Kept], stored: Stored) -> Kept:
    """The run of the test's session, stored or new, with the test in it."""
    at_s, test, of = seconds(one.test.at), one.test, one.conditions + file.target
    kept = sessions.run_for(of, at_s, test.took_s, Test.of(test))
    if kept is None:
        kept = Kept(_fresh_id(test, made, one.conditions, stored), file.target, "new", emulated=file.emulated)
        made.append(kept)
        sessions.begin(of, kept, at_s, test.took_s, Test.of(test))
    elif kept.entry is not None:
        kept.outcome = "continued"
    kept.source, kept.subject = file.source, kept.subject or one.subject
    kept.tests.append(test)
    return kept


def _fresh_id(test: ForeignTest, made: Sequence[Kept], conditions: str, stored: Stored) -> str:
    """The id that the test gives its run. A row that differs from another in nothing but conditions has its own."""
    run_id = run_id_of(test)
    if made and any(one.run_id == run_id for one in made[-8:]):
        run_id = run_id_of(test, conditions)
    if run_id in stored.entries:
        raise _clash(run_id, store.read_entry(stored.entries[run_id]))
    return run_id


def _again(
    files: Sequence[ReadFile], doubled: Sequence[tuple[int, str]], made: Sequence[Kept], here: dict[str, Kept],
    stored: Stored,
) -> list[Kept]:  # fmt: skip
    """For each file the runs that it has nothing new of, since a file before it had the same tests."""
    runs = {test.key: kept for kept in made for test in kept.tests} if doubled else {}
    counts: dict[tuple[int, str], int] = defaultdict(int)
    for number, key in doubled:
        kept = runs.get(key) or here.get(stored.tests[key].run_id if key in stored.tests else "")
        if kept is not None:
            counts[number, kept.run_id] += 1
    return [
        Kept(run_id, files[number].target, "already here", known=count) for (number, run_id), count in counts.items()
    ]


def _clash(run_id: str, other: RunRecord | store.BadRun) -> ForeignFileError:
    if isinstance(other, store.BadRun):
        hint = "`lab store set-aside` moves it out of the way"
        return ForeignFileError(f"run {run_id} is stored already and cannot be read: {other.reason}", hint=hint)
    return ForeignFileError(f"run {run_id} is stored already, and it is another run", hint="nothing was imported")
