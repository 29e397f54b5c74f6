"""From what a person types to some runs: an id, `latest`, a tag, a revision, the last few, a range.

What git knows is asked of the repository around the working folder. Nothing that was typed can become an option of git
or a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.commits import SHORT, is_same, readable, runs_of, whole
from lab.analysis.judging.sides import Side
from lab.analysis.points.table import Codes, Points, Runs
from lab.core.errors import LabError, StoreError, UsageError
from lab.core.names import RUN_ID
from lab.core.suggest import did_you_mean
from lab.core.text import said
from lab.core.units import counted
from lab.formats.revision import Repository
from lab.formats.tags import CONFIRM
from lab.store import in_use

SEE = "`lab runs` lists what is stored; docs/ci.md says how runs are named"
LISTED = 5
DASHED = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"  # a day as people write it
DAY = r"[0-9]{8}"  # the same, as ids of runs begin
NARROWER = "for lab gate, --target, --model, --engine and --test narrow it"

Found = tuple[str, list[int]]  # a label, and places in Points.runs


@dataclass(frozen=True, kw_only=True)
class Among:
    """Which runs may be taken, and what is known around them.

    `measured` are places of those that have a cell of `engine` and `test`, None where any run will do. `dirty` takes
    runs of a changed working tree for those of its commit.
    """

    target: str | None = None
    model: str | None = None
    engine: str | None = None
    test: str | None = None
    measured: frozenset[int] | None = None
    dirty: bool = False
    repository: Repository | None = None

    def places(self, runs: Runs) -> list[int]:
        """Return the runs of this target and model (an id or a label), oldest first."""
        model = self.model
        return [
            i
            for i in range(len(runs))
            if self.target in (None, runs.target[i])
            and (model is None or model in (runs.model[i], runs.model[i].partition("@")[0]))
            and (self.measured is None or i in self.measured)
        ]


def select(points: Points, text: str, among: Among | None = None) -> Side:
    """Return the runs that `text` names.

    It is a run id or its unique beginning, `latest`, `latest~N` (the N-th before it), `last:N`, a tag, a git revision
    or the beginning of a commit id, a day (`20261124` or `2026-11-24`: all its runs), or `A..B`, all runs from one to
    another, or from one day to another. `run:`, `tag:` and `rev:` in front say which kind is meant.

    Raises:
        UsageError: it means several things, or nothing that can be.
        StoreError: no run is there for it.
    """
    label, places = _Finder(points.runs, among or Among()).find(text)
    return Side(label, codes(places))


def codes(places: Iterable[int]) -> Codes:
    """Return places in `Points.runs` as a side holds them."""
    return np.asarray(sorted(places), dtype=np.int32)


def apart(a: Side, b: Side) -> tuple[Side, list[str]]:
    """Return side A without the runs that are in side B too, and a note of how many those are.

    Of two sides that overlap, `last:5` and `latest`, the first means those before the second. It may be empty.
    """
    both = set(a.runs.tolist()) & set(b.runs.tolist())
    notes = [f"{counted(len(both), 'run')} of {b.label} left out of {a.label}"] if both else []
    return Side(a.label, codes(set(a.runs.tolist()) - both)), notes


class _Finder:
    def __init__(self, runs: Runs, among: Among) -> None:
        self.runs, self.among = runs, among
        self.places = among.places(runs)

    def find(self, text: str) -> Found:
        self._check(text)
        kind, _, rest = text.partition(":")
        forced: dict[str, Callable[[str], Found | None]] = {"run": self._run, "tag": self._tag, "rev": self._revision}
        if kind in forced:
            return forced[kind](rest) or self._fail(rest)
        if ".." in text:
            return text, self._range(text)
        if re.fullmatch(DASHED, text):
            return self._run(text.replace("-", "")) or self._fail(text)
        if re.fullmatch(r"latest(~.*)?|last:.*", text):
            return text, self._newest(text)
        if re.fullmatch(RUN_ID, text):
            return self._run(text) or self._fail(text)
        return self._any(text, forced)

    def _check(self, text: str) -> None:
        if not text or text.startswith("-") or not text.isprintable():
            raise UsageError(f"{said(text)!r} names no run", hint=SEE)
        if not self.places:
            where = in_use().where
            raise StoreError(f"no run of {self._scope()} is on record in {where}", hint="measure first: lab run --help")

    def _any(self, text: str, kinds: dict[str, Callable[[str], Found | None]]) -> Found:
        """Take it for whatever it can be; two kinds that give different runs are one too many."""
        found: dict[str, Found] = {}
        problem: LabError | None = None
        for kind, look in kinds.items():
            try:
                one = look(text)
            except StoreError as missing:  # it is a revision without runs: it may be a tag all the same
                problem = problem or missing
                continue
            if one is not None:
                found[kind] = one
        if len({tuple(places) for _, places in found.values()}) > 1:
            ways = " or ".join(f"{kind}:{text}" for kind in found)
            raise UsageError(f"'{text}' means several things", hint=f"say which: {ways}")
        if found:
            return next(iter(found.values()))
        if problem is not None:
            raise problem
        return self._fail(text)

    def _run(self, text: str) -> Found | None:
        matches = [i for i in self.places if text and self.runs.run_id[i].startswith(text)]
        if len(matches) > 1 and re.fullmatch(DAY, text):
            return text, matches
        if len(matches) > 1:
            raise StoreError(
                f"'{text}' means {len(matches)} runs: {self._listed(matches)}",
                hint=f"write more of the id, a whole day such as {self.runs.run_id[matches[-1]][:8]} for all its runs, "
                f"or a range A..B of runs or days; {NARROWER}",
            )
        return (self.runs.run_id[matches[0]], matches) if matches else None

    def _listed(self, matches: Sequence[int]) -> str:
        more = ", ..." if len(matches) > LISTED else ""
        return ", ".join(self.runs.run_id[i] for i in matches[:LISTED]) + more

    def _tag(self, text: str) -> Found | None:
        matches = [i for i in self.places if text in self.runs.tags[i]]
        return (f"tag {text}", matches) if matches else None

    def _revision(self, text: str) -> Found | None:
        found = runs_of(text, self.runs.commit, self.places, self.among.repository)
        if found is None:
            return None
        commit, matches = found
        label = commit[:SHORT] if is_same(commit, text) or commit.startswith(text) else f"{text} ({commit[:SHORT]})"
        if not matches:
            raise StoreError(f"no run of {self._scope()} is of revision {label}", hint=self._other_revisions())
        clean = [i for i in matches if not self.runs.dirty[i]]
        if self.among.dirty:
            return (label if len(clean) == len(matches) else f"{label}, changed files too"), matches
        if not clean:
            raise StoreError(
                f"{counted(len(matches), 'run')} of revision {label} on record, measured with changed files",
                hint="commit and measure again, or take them for it with --dirty",
            )
        return label, clean

    def _newest(self, text: str) -> list[int]:
        """Return what `latest`, `latest~N` and `last:N` mean; sessions of a confirm stage are no news."""
        number = re.fullmatch(r"latest(?:~([0-9]{1,9}))?|last:([0-9]{1,9})", text)
        if number is None or number[2] == "0":
            raise UsageError(f"'{text}': expected latest, latest~N or last:N", hint=SEE)
        places = [i for i in self.places if CONFIRM not in self.runs.tags[i]]
        many = int(number[2] or 1)
        back = int(number[1] or 0)
        if back + many > len(places):
            raise StoreError(f"{text}: only {counted(len(places), 'run')} of {self._scope()} on record", hint=SEE)
        return places[len(places) - back - many : len(places) - back]

    def _range(self, text: str) -> list[int]:
        first, _, last = text.partition("..")
        ends = [self._end(text, end, -at) for at, end in enumerate((first, last))]
        if ends[0] > ends[1]:
            raise UsageError(f"'{text}': the first run is the later one", hint=f"write {last}..{first}")
        return [i for i in self.places if ends[0] <= i <= ends[1]]

    def _end(self, text: str, end: str, side: int) -> int:
        """An end of the range `text`: a run, or of several that begin so, as those of a day, the outermost one."""
        plain = end.replace("-", "") if re.fullmatch(DASHED, end) else end
        if not re.fullmatch(r"latest(~[0-9]+)?|[0-9a-f-]+", plain):
            raise UsageError(
                f"'{text}': a range goes from a run to a run, such as latest~9..latest, or from a day to a day",
                hint="for all runs of a revision or a tag, name that alone",
            )
        if plain.startswith("latest"):
            return self._newest(plain)[0]
        matches = [i for i in self.places if self.runs.run_id[i].startswith(plain)]
        if not matches and re.fullmatch(DAY, plain):  # a day without runs is a border all the same
            inside = [i for i in self.places if (self.runs.run_id[i][:8] < plain) == (side == -1)]
            matches = inside or self._fail(end)[1]
            return matches[side]
        return (matches or self._fail(end)[1])[side]

    def _fail(self, text: str) -> Found:
        tags = {tag for i in self.places for tag in self.runs.tags[i]}
        ids = [self.runs.run_id[i] for i in self.places]
        repository = self.among.repository
        guess = did_you_mean(text, [*sorted(tags), *(repository.names() if repository else []), *ids])
        raise StoreError(
            f"'{said(text)}' is no run, no tag and no revision of {self._scope()} on record.{guess}",
            hint=self._kinds(sorted(tags)),
        )

    def _kinds(self, tags: Sequence[str]) -> str:
        known = f"tags: {', '.join(tags[:LISTED])}" if tags else "no run has a tag"
        return f"{known}; {self._other_revisions()}"

    def _other_revisions(self) -> str:
        same = whole(self.runs.commit)
        newest = [same[self.runs.commit[i]] for i in reversed(self.places) if self.runs.commit[i]]
        commits = readable(list(dict.fromkeys(newest)))
        return f"revisions on record: {', '.join(commits[:LISTED])}" if commits else SEE

    def _scope(self) -> str:
        among = self.among
        words = [among.model or "any model", f"on {among.target}" if among.target else ""]
        return " ".join(filter(None, [*words, f"with {among.engine}" if among.engine else "", among.test]))
