"""Commits as records have them: the same one with 8 digits here and 9 or all 40 there is one revision.

Tools abbreviate what git tells them, and git takes as many digits as the repository needs on that day. A person may
write fewer digits than a record has, or more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lab.analysis.points.table import Runs
from lab.core.errors import UsageError
from lab.formats.revision import HEX_PREFIX, Repository

LEAST = 7  # hex digits: what is shorter, or is no hex number, is a name of its own
SHORT = 12  # hex digits of a commit that people read
LISTED = 5  # commits in an error
_HEX = re.compile(rf"[0-9a-f]{{{LEAST},64}}")


def whole(commits: Iterable[str]) -> dict[str, str]:
    """Return for each commit the longest of them that it is the beginning of.

    One that begins several which go on differently stays what it is: nobody knows whose beginning it is.
    """
    listed = sorted(set(commits))
    return {one: _longest(listed, place) for place, one in enumerate(listed)}


def with_whole_commits(runs: Runs) -> Runs:
    """Return the runs, each with its commit as `whole` has it."""
    same = whole(runs.commit)
    return replace(runs, commit=[same[one] for one in runs.commit])


def is_same(one: str, other: str) -> bool:
    """Whether both may be the same commit: equal, or one the beginning of the other."""
    short, long = sorted((one, other), key=len)
    return short == long or (is_hex(short) and is_hex(long) and long.startswith(short))


def is_hex(commit: str) -> bool:
    """Whether it may be the id of a commit, or the beginning of one."""
    return _HEX.fullmatch(commit) is not None


def readable(commits: Sequence[str]) -> list[str]:
    """Return the commits with SHORT digits, or as many as tell them apart."""
    distinct = set(commits)
    digits = SHORT
    while len({one[:digits] for one in distinct}) < len(distinct):
        digits += 1
    return [one[:digits] for one in commits]


def _longest(listed: Sequence[str], place: int) -> str:
    one = listed[place]
    if not is_hex(one):
        return one
    end = bisect_left(listed, one + "g", place)  # "g" comes after every hex digit
    going_on = [other for other in listed[place:end] if is_hex(other)]
    longest = max(going_on, key=len)
    return longest if all(longest.startswith(other) for other in going_on) else one


def runs_of(
    text: str, commits: Sequence[str], places: Sequence[int], repository: Repository | None
) -> tuple[str, list[int]] | None:
    """Return the commit that `text` names and those of `places` whose run is of it; None where it names none.

    `commits` are those of all runs. A commit that git knows may have no run.

    Raises:
        UsageError: it begins several commits on record.
    """
    same = whole(commits)
    mine = {place: same[commits[place]] for place in places if commits[place]}
    recorded = sorted(set(mine.values()))
    known = repository.commit(text) if repository is not None else None
    found = [one for one in recorded if known is not None and _is_commit(one, known, repository)]
    if not found and re.fullmatch(HEX_PREFIX, text):
        found = _begun(text, recorded, repository)
    if not found and known is None:
        return None
    return known or max(found, key=len), [place for place, one in mine.items() if one in found]


def _is_commit(recorded: str, commit: str, repository: Repository | None) -> bool:
    """Whether a recorded commit is the one with this full id: git has to agree that it is no other's beginning."""
    if recorded == commit:
        return True
    return is_same(recorded, commit) and repository is not None and repository.commit(recorded) == commit


def _begun(text: str, recorded: Sequence[str], repository: Repository | None) -> list[str]:
    """The recorded commit that begins with the text, else the longest that the text begins with."""
    if text in recorded:
        return [text]
    found = [one for one in recorded if one.startswith(text)]
    if not found:
        return sorted((one for one in recorded if is_same(one, text)), key=len)[-1:]
    full = {(repository.commit(one) if repository is not None and is_hex(one) else None) or one for one in found}
    if len(full) > 1:
        listed = ", ".join(readable(found)[:LISTED])
        raise UsageError(f"'{text}' begins {len(full)} commits: {listed}", hint="write more of it")
    return found
