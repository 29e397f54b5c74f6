"""Which lab this is: version, commit, Python."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import LabError
from lab.core.home import PACKAGE
from lab.core.proc import run
from lab.formats.run.blocks import LabBlock
from lab.version import __version__

GIT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class GitState:
    """The commit a source tree is at, and whether it differs from it; None when not known."""

    commit: str | None
    dirty: bool | None


def provenance() -> LabBlock:
    """Return what a recorded run says about the running lab."""
    git = git_state(PACKAGE.parent)
    return LabBlock(__version__, git.commit, git.dirty, platform.python_version())


def git_state(root: Path) -> GitState:
    """Return the state of the checkout whose root is `root`; unknown when it is not one.

    An installed lab inside somebody's repository is not a checkout of lab: `root` must be the top itself.
    """
    top = git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return GitState(None, None)
    status = git(root, "status", "--porcelain")
    return GitState(git(root, "rev-parse", "HEAD"), None if status is None else status != "")


def git(root: Path, *words: str) -> str | None:
    """Return what git says in `root`, None where it fails or is not there."""
    env = {**git_env(), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = run(["git", "-C", str(root), *words], timeout_s=GIT_TIMEOUT_S, env=env)
    except LabError:
        return None
    return done.stdout.strip() if done.code == 0 else None


def git_env() -> dict[str, str]:
    """Return the environment without variables such as GIT_DIR, which git sets for its hooks: they lead elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
