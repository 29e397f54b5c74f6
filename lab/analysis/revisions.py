"""The runs of one revision: of a commit that git knows, or that some record begins with.

Records may have a commit abbreviated, and a person may write fewer digits than they have, or more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lab.analysis.commits import is_hex, is_same, readable, whole
from lab.core.errors import UsageError
from lab.formats.revision import HEX_PREFIX, Repository

LISTED = 5


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
