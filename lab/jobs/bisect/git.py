"""git's part: the repository is taken as it is, moved about, and put back as it was."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import LabError, UsageError
from lab.core.proc import run
from lab.core.text import printable
from lab.formats.provenance import git, git_env
from lab.formats.revision import Repository

TIMEOUT_S = 600.0  # a checkout of a large repository
_FOUND = re.compile(r"^# (possible )?first bad commit: \[([0-9a-f]{40,64})\] ?(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """A commit and the first line of its message, made printable."""

    commit: str
    subject: str


@dataclass(frozen=True)
class Bisection:
    """A bisection of one repository between two commits."""

    repository: Repository
    good: str
    bad: str

    @contextmanager
    def started(self) -> Iterator[None]:
        """Begin, and however the block ends put the repository back on what was checked out."""
        check_free(self.repository)
        try:
            self.git("bisect", "start")
            yield
        finally:
            with _undisturbed():
                self._put_back()

    def _put_back(self) -> None:
        """Undo what an interrupted build left in files that were clean when it began; then leave."""
        if self.repository.is_dirty():
            self.git("reset", "--hard", "--quiet")
        self.git("bisect", "reset")

    def check_out(self, commit: str) -> None:
        """Put the files of a commit in place."""
        self.git("checkout", "--quiet", "--detach", commit)

    def mark_ends(self) -> None:
        """Tell git both ends; it checks out the first commit to test."""
        self.git("bisect", "bad", self.bad)
        self.git("bisect", "good", self.good)

    def run(self, argv: Sequence[str], env: dict[str, str], wait: Waiter) -> int:
        """Let git go through the commits with `argv` for each; what it says goes to stderr."""
        return wait(["git", "-C", str(self.repository.top), "bisect", "run", *argv], env)

    def log(self) -> str:
        """Return git's own record of the bisection, which `git bisect replay` reads."""
        return self.git("bisect", "log")

    def found(self) -> list[Commit]:
        """Return the first bad commit, or those that it may be where some could not be tested."""
        return [Commit(commit, printable(subject)) for _, commit, subject in _FOUND.findall(self.log())]

    def git(self, *words: str) -> str:
        """Run git in the repository; a failure is an error with its own words."""
        argv = ["git", "-C", str(self.repository.top), *words]
        return run(argv, timeout_s=TIMEOUT_S, env={**git_env(), "LC_ALL": "C"}, check=True).stdout


def check_free(repository: Repository) -> None:
    """Raise LabError where moving the files about could lose work."""
    if repository.is_dirty():
        raise LabError(f"{repository.top}: tracked files are changed", hint="commit or stash them first: git stash")
    for name, what in (("BISECT_START", "a bisection"), ("MERGE_HEAD", "a merge"), ("rebase-merge", "a rebase")):
        path = git(repository.top, "rev-parse", "--git-path", name)
        if path and (repository.top / path).exists():
            done = "git bisect reset" if name == "BISECT_START" else "finish or abort it"
            raise LabError(f"{repository.top}: {what} is under way", hint=f"end it first: {done}")


def bisection(repository: Repository, good: str, bad: str) -> Bisection:
    """Return a bisection between what two texts name; UsageError where they name nothing, or the wrong way round."""
    ends = {"--good": good, "--bad": bad}
    commits = {}
    for option, text in ends.items():
        found = repository.commit(text)
        if found is None:
            from lab.core.suggest import did_you_mean

            guess = did_you_mean(text, repository.names(), quote=True)
            raise UsageError(f"{option} {printable(text)}: no such revision in {repository.top}.{guess}")
        commits[option] = found
    if commits["--good"] == commits["--bad"]:
        raise UsageError(f"--good and --bad are the same commit {commits['--good'][:12]}")
    if git(repository.top, "merge-base", "--is-ancestor", commits["--bad"], commits["--good"]) is not None:
        raise UsageError("--bad is older than --good", hint="swap them, if it got better and you look for that")
    return Bisection(repository, commits["--good"], commits["--bad"])


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C stop what puts things back."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Waiter:
    """Runs a program in a process group of its own, and on Ctrl-C lets its steps finish before anyone goes on."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock

    def __call__(self, argv: Sequence[str], env: dict[str, str]) -> int:
        """Run it to its end with its output on stderr, and return its code."""
        process = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), env=env, start_new_session=True
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            with _undisturbed():
                os.killpg(process.pid, signal.SIGINT)
                process.wait()
                wait_for(self.lock, process.pid)
            raise


def wait_for(lock: Path, group: int, grace_s: float = 90.0) -> None:
    """Wait until no step holds the lock: a session that was told to stop puts on record what it has."""
    deadline = time.monotonic() + grace_s
    with lock.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    with suppress(ProcessLookupError):
                        os.killpg(group, signal.SIGKILL)
                    return
                time.sleep(0.05)
