"""The whole of `lab bisect`: both ends are measured, git goes through what lies between, the repository is put back.

All that the driver needs is imported before the first checkout: lab itself may be what is bisected.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.errors import LabError, NotComparableError
from lab.core.home import PACKAGE, lab_home
from lab.formats.provenance import git_env
from lab.jobs.bisect.git import Bisection, Commit, Waiter
from lab.jobs.bisect.state import ABORT, BAD, GOOD, LOCK, SKIP, Hunt, steps

_NEEDED = ("targets", "dashboards")  # a checkout keeps its definitions beside the package


@dataclass(frozen=True)
class Frozen:
    """How to start this lab whatever is checked out: `path` goes in front of Python's own, None where it need not.

    `is_subject` says that lab itself is the repository: then sessions are measured by the lab that is checked out.
    """

    path: Path | None

    @property
    def is_subject(self) -> bool:
        """Whether lab itself is bisected."""
        return self.path is not None

    def env(self, env: dict[str, str]) -> dict[str, str]:
        """Return the environment for this lab's own processes."""
        if self.path is None:
            return env
        rest = env.get("PYTHONPATH")
        return {**env, "PYTHONPATH": os.pathsep.join([str(self.path), *([rest] if rest else [])])}


def frozen(top: Path, folder: Path) -> Frozen:
    """Copy lab into `folder` when it lies in the repository `top`; elsewhere it stays as it is by itself."""
    if not PACKAGE.resolve().is_relative_to(top.resolve()):
        return Frozen(None)
    copy = folder / "lab"
    shutil.copytree(PACKAGE, copy / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in _NEEDED:
        if (PACKAGE.parent / name).is_dir():
            shutil.copytree(PACKAGE.parent / name, copy / name)
    return Frozen(copy)


STEP = "lab.jobs.bisect.step"
RUN = "from lab.cli import entry; entry()"


@dataclass(frozen=True)
class Found:
    """What came out: the first bad commit, or several where some could not be tested. `log` is git's own."""

    good: str
    bad: str
    first_bad: Commit | None
    possible: tuple[Commit, ...]
    steps: tuple[dict[str, Any], ...]
    log: str


def bisect(of: Bisection, hunt: Hunt, argv: list[str]) -> Found:
    """Find the first commit that has what the bad end has. `argv` is that of `lab run` for one session.

    Raises:
        NotComparableError: the bad end is not worse than the good one.
        LabError: an end cannot be measured, or a device stopped it; with the exit code of that.
    """
    with tempfile.TemporaryDirectory(prefix="lab-bisect-") as name:
        folder = Path(name)
        keep = frozen(of.repository.top, folder)
        _completed(hunt, keep, argv).save(folder)
        with of.started():
            return _hunted(of, folder, keep)


def _completed(hunt: Hunt, keep: Frozen, argv: list[str]) -> Hunt:
    """Add how a session is started. -P keeps a folder called lab in somebody's repository from being taken for lab."""
    own = [sys.executable, *([] if keep.is_subject else ["-P"]), "-c", RUN, "run", *argv, "--json"]
    measure = hunt.measure or tuple(own)
    fields = {**vars(hunt), "measure": measure, "pythonpath": os.environ.get("PYTHONPATH")}
    return Hunt(**fields)


def _hunted(of: Bisection, folder: Path, keep: Frozen) -> Found:
    wait = Waiter(folder / LOCK)
    env = {**keep.env(git_env()), "LAB_HOME": str(lab_home()), "LC_ALL": "C.UTF-8"}
    step = [sys.executable, "-P", "-m", STEP, str(folder)]
    for what, commit in (("good", of.good), ("bad", of.bad)):
        of.check_out(commit)
        _check_end(what, wait([*step, what], env), folder)
    of.mark_ends()
    if not of.found():  # with neighbours there is nothing left to test
        code = of.run([*step, "step"], env, wait)
        _check_run(code, folder)
    found = of.found()
    first = found[0] if len(found) == 1 else None
    return Found(of.good, of.bad, first, tuple(found), tuple(steps(folder)), of.log())


def _check_end(what: str, code: int, folder: Path) -> None:
    last = (steps(folder) or [{}])[-1]
    why = str(last.get("why", f"its process ended with code {code}"))
    if code == ABORT:
        raise _stopped(last)
    if code == SKIP or code not in (GOOD, BAD):
        raise LabError(f"the {what} revision cannot be measured: {why}", hint="name one that builds and runs")
    if what == "bad" and code == GOOD:
        raise NotComparableError(
            f"the bad revision is not significantly worse than the good one: {why}",
            hint="more --sessions, a smaller --floor, another --metric, or other ends",
        )


def _check_run(code: int, folder: Path) -> None:
    last = (steps(folder) or [{}])[-1]
    if last.get("code") == ABORT:
        raise _stopped(last)
    if code not in (0, 2):  # 2: only commits are left that could not be tested
        raise LabError(f"git bisect run ended with code {code}", hint="its output is above")


def _stopped(last: dict[str, Any]) -> LabError:
    error = LabError(f"stopped at {str(last.get('commit', ''))[:12]}: {last.get('why', 'a step was ended')}")
    error.exit_code = int(last.get("exit_code", 1))
    return error
