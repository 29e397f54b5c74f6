"""One revision: `git bisect run` starts this as a process; its exit code is what git is told.

The driver starts it for both ends too: `good` measures what to compare with, `bad` says what got worse.
"""

from __future__ import annotations

import fcntl
import math
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.analysis.compare.select import codes
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.judging.sentences import change, metric_title, test_name
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS
from lab.core.errors import LabError
from lab.core.terminal import write_lines
from lab.core.text import said
from lab.formats.calibration import load_floors
from lab.formats.provenance import git
from lab.formats.run_record import RunRecord
from lab.formats.verdicts import word_label
from lab.jobs.bisect.sessions import UnmeasurableError, build, measure
from lab.jobs.bisect.state import ABORT, BAD, GOOD, LOCK, SKIP, Hunt, add_step, load_hunt
from lab.store import BadRun, entries, read_entry

MORE = 2  # times the sessions, where the first are not enough to tell


def main(folder: Path, what: str) -> int:
    """Build, measure and judge what is checked out, put it on the list, and return the code for git."""
    hunt = load_hunt(folder)
    commit = git(Path(hunt.top), "rev-parse", "HEAD") or ""
    runs: list[str] = []
    try:
        code, why = _step(hunt, folder, what, commit, runs)
    except UnmeasurableError as problem:
        code, why = SKIP, problem.what
    except LabError as problem:
        code, why = ABORT, problem.what
        add_step(folder, commit=commit, what=what, code=code, why=why, runs=runs, exit_code=problem.exit_code)
        _say(commit, f"stopped: {why}")
        return code
    finally:
        _clean(Path(hunt.top))
    add_step(folder, commit=commit, what=what, code=code, why=why, runs=runs)
    _say(commit, f"{ {GOOD: 'good', BAD: 'bad', SKIP: 'skipped'}[code] }: {why}")
    return code


def _step(hunt: Hunt, folder: Path, what: str, commit: str, runs: list[str]) -> tuple[int, str]:
    build(hunt, folder)
    _sessions(hunt, folder, commit, runs, hunt.sessions)
    if what == "good":
        replace(hunt, good_runs=tuple(runs)).save(folder)
        return GOOD, f"{len(runs)} runs to compare with"
    if what == "bad":
        return _bad_end(hunt, folder, commit, runs)
    found = verdicts(hunt, hunt.good_runs, runs)
    code, why = told(found, hunt.hunted)
    if code is None:
        _sessions(hunt, folder, commit, runs, hunt.sessions * (MORE - 1))
        found = verdicts(hunt, hunt.good_runs, runs)
        code, why = told(found, hunt.hunted)
    if code is None:
        code = nearer(found, hunt.hunted)
        why = f"inconclusive, and nearer to the {'bad' if code == BAD else 'good'} end: {why}"
    return code, why


def _bad_end(hunt: Hunt, folder: Path, commit: str, runs: list[str]) -> tuple[int, str]:
    """Find out what got worse; without that there is nothing to look for."""
    found = verdicts(hunt, hunt.good_runs, runs)
    if not any(verdict.is_alarm for verdict in found) and any(verdict.word == "unproven" for verdict in found):
        _sessions(hunt, folder, commit, runs, hunt.sessions * (MORE - 1))
        found = verdicts(hunt, hunt.good_runs, runs)
    prey = hunted(found)
    replace(hunt, hunted=prey).save(folder)
    return (BAD if prey else GOOD), "; ".join(line(one) for one in found if one.is_alarm or not prey)


def _sessions(hunt: Hunt, folder: Path, commit: str, runs: list[str], number: int) -> None:
    for i in range(number):
        _say(commit, f"session {i + 1} of {number}")
        runs += measure(hunt, folder)


def _clean(top: Path) -> None:
    """Undo what a build changed in files that git follows: they were clean, and git would not leave this revision."""
    if git(top, "status", "--porcelain", "--untracked-files=no"):
        git(top, "reset", "--hard", "--quiet")


def _say(commit: str, text: str) -> None:
    """Write to stderr, which git passes on: this is a process of its own, started by `git bisect run`."""
    first, *rest = text.splitlines() or [""]
    write_lines(sys.stderr, "\n".join([f"bisect: {commit[:12]}: {said(first)}", *rest]))


@contextmanager
def _alive(folder: Path) -> Iterator[None]:
    """Hold a lock for as long as this process measures: the driver waits for it before it moves the files."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry() -> None:
    """The process: `python -m lab.jobs.bisect.step FOLDER WHAT`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, what = Path(sys.argv[1]), sys.argv[2]
    try:
        with _alive(folder):
            sys.exit(main(folder, what))
    except KeyboardInterrupt:
        sys.exit(ABORT)


def verdicts(hunt: Hunt, good: Iterable[str], here: Iterable[str]) -> tuple[Verdict, ...]:
    """Judge the runs `here` against those of the good revision, in the metrics that are asked for."""
    good, here = set(good), set(here)
    points = points_of(_records(hunt.target, good | here))
    a, b = (
        Side(name, codes(i for i, run_id in enumerate(points.runs.run_id) if run_id in ids))
        for name, ids in (("good", good), ("here", here))
    )
    wanted = {STATUS, *hunt.metrics} if hunt.metrics else None
    floors = load_floors()
    if hunt.floor is not None:
        floors = {(key.cell.target, key.cell.metric): hunt.floor for key in points.keys}
    found = judge(points, a, b, Policy(floors=floors, emulated=hunt.emulated)).verdicts
    return tuple(verdict for verdict in found if wanted is None or verdict.cell.metric in wanted)


def hunted(found: Iterable[Verdict]) -> tuple[dict[str, Any], ...]:
    """Return what got worse, as the hunt keeps it. With metrics that got worse, what is not a number is none."""
    return tuple({"cell": asdict(one.cell), "word": one.word, "ratio": one.ratio} for one in found if one.is_alarm)


def told(found: Sequence[Verdict], prey: Sequence[dict[str, Any]]) -> tuple[int | None, str]:
    """Return what git is to be told and why; None where more sessions may tell."""
    of = {tuple(sorted(asdict(one.cell).items())): one for one in found}
    here = [(of.get(tuple(sorted(one["cell"].items()))), one) for one in prey]
    there = [(verdict, one) for verdict, one in here if verdict is not None]
    worse = [verdict for verdict, _ in there if verdict.is_alarm]
    if worse:
        return BAD, "; ".join(map(line, worse))
    if len(there) < len(here) or any(verdict.word == "not-comparable" for verdict, _ in there):
        return SKIP, "it gives no numbers to compare"
    if any(verdict.word == "unproven" for verdict, _ in there):
        return None, "; ".join(line(verdict) for verdict, _ in there)
    return GOOD, "; ".join(line(verdict) for verdict, _ in there)


def nearer(found: Sequence[Verdict], prey: Sequence[dict[str, Any]]) -> int:
    """Return the end that the first test with numbers is nearer to, on the scale of ratios."""
    of = {tuple(sorted(asdict(one.cell).items())): one for one in found}
    for one in prey:
        verdict = of.get(tuple(sorted(one["cell"].items())))
        if verdict is not None and verdict.ratio and one["ratio"]:
            return BAD if math.log(verdict.ratio) / math.log(one["ratio"]) > 0.5 else GOOD
    return SKIP


def line(verdict: Verdict) -> str:
    """Return a verdict as a step tells it."""
    changed = "" if verdict.ratio is None else f" {change(verdict)}"
    return f"{test_name(verdict.cell)} {metric_title(verdict.cell)}: {word_label(verdict.word)}{changed}"


def _records(target: str, ids: set[str]) -> list[RunRecord]:
    found = [read_entry(entry) for entry in entries(target) if entry.run_id in ids]
    return [record for record in found if not isinstance(record, BadRun)]


if __name__ == "__main__":
    entry()
