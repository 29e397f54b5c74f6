"""Which revision of whose work: what a person writes, put to git without letting git read it as an option."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import UsageError
from lab.core.home import PACKAGE
from lab.core.text import said
from lab.formats.provenance import git
from lab.formats.run.blocks import RevisionBlock

COMMIT = r"[0-9a-f]{40}([0-9a-f]{24})?"
HEX_PREFIX = r"[0-9a-f]{4,64}"


@dataclass(frozen=True)
class Repository:
    """A git repository, by the folder that is its top."""

    top: Path

    def commit(self, text: str) -> str | None:
        """Return the full id of the commit that `text` names, None where it names none."""
        check_revision(text)
        found = git(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
        return found if found is not None and re.fullmatch(COMMIT, found) else None

    def ranks(self, commits: Iterable[str]) -> dict[str, int]:
        """Return the place of each of the commits in the order of their history, parents first.

        A commit may be the beginning of an id; those that are not of this repository, or begin several, are left out.
        """
        wanted = [one for one in commits if re.fullmatch(HEX_PREFIX, one)]
        if not wanted:
            return {}
        found = (git(self.top, "rev-list", "--date-order", "--reverse", "--all") or "").split()
        order = {one: rank for rank, one in enumerate(found)}
        listed = sorted(order)
        spans = {one: (bisect_left(listed, one), bisect_left(listed, one + "g")) for one in wanted}
        return {one: order[listed[start]] for one, (start, end) in spans.items() if end - start == 1}

    def is_dirty(self) -> bool:
        """Whether a file that git follows was changed. New files do not count: lab's own results may lie among them."""
        return git(self.top, "status", "--porcelain", "--untracked-files=no") != ""

    def names(self) -> list[str]:
        """Return the names of branches and tags, for guesses."""
        found = git(self.top, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
        return (found or "").splitlines()


def repository(folder: Path | None = None) -> Repository | None:
    """Return the repository that `folder` (default: the working folder) lies in, None where it lies in none."""
    top = git(folder or Path.cwd(), "rev-parse", "--show-toplevel")
    return Repository(Path(top)) if top else None


def check_revision(text: str) -> None:
    """Raise UsageError for what git would take for an option, and for what cannot be a revision at all."""
    if not text or text.startswith("-") or not text.isprintable():
        raise UsageError(
            f"{said(text)!r} is no revision",
            hint="name a branch, a tag or a commit, as git does; it cannot begin with '-'",
        )


def measured_revision(asked: str | None, folder: Path | None = None) -> RevisionBlock | None:
    """Return what a run records of the user's own work.

    Without `asked` it is the commit of the repository around `folder` (default: the working folder), and nothing
    where there is none or where it is lab's own checkout, which runs name anyway. `asked` is resolved in that
    repository; where there is none it has to be a full commit id.

    Raises:
        UsageError: `asked` names no commit.
    """
    found = repository(folder)
    if asked is None:
        commit = found.commit("HEAD") if found and found.top.resolve() != PACKAGE.parent.resolve() else None
        return RevisionBlock(commit, found.is_dirty()) if found and commit else None
    check_revision(asked)
    commit = found.commit(asked) if found else None
    if commit is not None and found is not None:
        return RevisionBlock(commit, commit == found.commit("HEAD") and found.is_dirty())
    if re.fullmatch(COMMIT, asked):
        return RevisionBlock(asked, dirty=False)
    raise _no_such(asked, found)


def _no_such(asked: str, found: Repository | None) -> UsageError:
    if found is None:
        return UsageError(
            f"--revision {said(asked)}: the working folder is in no git repository",
            hint="give the full commit id, or run lab in the repository",
        )
    from lab.core.suggest import did_you_mean

    guess = did_you_mean(asked, found.names(), quote=True)
    return UsageError(f"--revision {said(asked)}: no such revision in {found.top}.{guess}", hint="see 'git log'")
