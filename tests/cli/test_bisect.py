"""`lab bisect` in a real repository with real git; only the measuring is a stand-in, which records whole runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.formats.run_record import RunRecord
from lab.jobs.bisect.drive import frozen

ROOT = Path(__file__).resolve().parents[2]

# One session: the speed is what the build wrote. It waits where `hang` is, and says that it does.
MEASURE = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from lab import store
from lab.formats.provenance import git
from lab.formats.run_record import to_json
from tests.analysis.sessions import NOISE, session
if Path("hang").exists():
    Path(os.environ["LAB_HOME"], "waiting").touch()
    time.sleep(60)
if Path("unreachable").exists():
    print("error: pi does not answer", file=sys.stderr)
    sys.exit(4)
number = len(store.entries())
rate = float(Path("built.txt").read_text()) * NOISE[number % len(NOISE)]
record = session(number, rate, git(Path.cwd(), "rev-parse", "HEAD"))
store.save(record)
print(json.dumps(to_json(record)))
"""


class Work:
    """A repository whose build copies a number, and the home of its runs."""

    def __init__(self, folder: Path) -> None:
        self.top, self.home = folder / "work", folder / "home"
        self.top.mkdir(parents=True)
        self.home.mkdir()
        self.script = folder / "measure.py"
        self.script.write_text(MEASURE.format(root=str(ROOT)))
        self.git("init", "-q", "-b", "main")
        self.commits: list[str] = []

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
        argv = ["git", "-C", str(self.top), *identity, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, subject: str, **files: str) -> str:
        """A commit with these files in place; the build reads `speed`."""
        for name, text in {"log": f"{len(self.commits)}", **files}.items():
            (self.top / name).write_text(text)
            self.git("add", name)
        self.git("commit", "-q", "-m", subject)
        self.commits.append(self.git("rev-parse", "HEAD"))
        return self.commits[-1]

    def start(self, *more: str) -> subprocess.Popen[str]:
        words = ["bisect", "--target", "local", "--model", "phi3-mini-q4", "--metric", "decode_tok_per_s"]
        measure = f"{sys.executable} {self.script}"
        argv = [sys.executable, "-P", "-m", "lab", *words, "--measure", measure, "--build", "sh build.sh", *more]
        env = {**os.environ, "LAB_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(argv, cwd=self.top, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def bisect(self, *more: str) -> tuple[int, str, str]:
        process = self.start(*more)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def runs(self) -> list[RunRecord]:
        found = [store.read_entry(entry) for entry in store.entries()]
        return [record for record in found if isinstance(record, RunRecord)]

    def is_as_it_was(self, branch: str = "main") -> bool:
        tracked = self.git("status", "--porcelain", "--untracked-files=no")
        under_way = (self.top / ".git" / "BISECT_START").exists()
        return (self.git("branch", "--show-current"), tracked, under_way) == (branch, "", False)


BUILD = "test ! -e broken && cp speed built.txt && echo changed > touched"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Six commits; the fourth is 20 % slower, the third does not build. The build changes a file that git follows."""
    made = Work(tmp_path)
    monkeypatch.setenv("LAB_HOME", str(made.home))
    made.commit("first", speed="10.0", **{"build.sh": BUILD, "touched": "as it was"})
    made.commit("second; $(touch pwned) `touch pwned`")
    made.commit("does not build", broken="")
    made.git("rm", "-q", "broken")
    made.commit("slower \x1b[31m", speed="8.0")
    made.commit("fifth")
    made.commit("sixth")
    return made


@pytest.mark.slow
def test_the_first_bad_commit_is_found_past_one_that_does_not_build(work: Work) -> None:
    code, out, err = work.bisect("--good", work.commits[0], "--json")
    found: dict[str, Any] = json.loads(out)
    # The third cannot be told from the fourth: it does not build.
    assert code == 1, err
    assert [one["commit"] for one in found["possible"]] == [work.commits[3], work.commits[2]]
    assert found["first_bad"] is None
    codes = {step["commit"]: step["code"] for step in found["steps"]}
    assert codes[work.commits[2]] == 125
    assert codes[work.commits[3]] == 1
    assert codes[work.commits[1]] == 0
    assert work.is_as_it_was()
    assert "slower" in next(step["why"] for step in found["steps"] if step["commit"] == work.commits[3])
    assert not (work.top / "pwned").exists()


def test_every_session_stays_on_record_and_the_answer_is_printed(work: Work) -> None:
    work.commit("back to speed", speed="10.0")
    work.commit("slow again", speed="7.0")
    code, out, err = work.bisect("--good", "HEAD~1", "--bad", "main")
    assert code == 0, err
    assert out.startswith(f"first bad commit: {work.commits[-1]} slow again")
    assert "\x1b" not in out + err
    assert "# first bad commit: " in out
    by_commit = [record.revision.commit for record in work.runs() if record.revision]
    assert by_commit == [work.commits[-2]] * 3 + [work.commits[-1]] * 3
    assert work.is_as_it_was()


def test_ends_that_do_not_differ_are_5(work: Work) -> None:
    code, _, err = work.bisect("--good", work.commits[0], "--bad", work.commits[1])
    assert code == 5
    assert "not significantly worse" in err
    assert work.is_as_it_was()


def test_a_device_that_does_not_answer_is_4(work: Work) -> None:
    work.commit("gone", unreachable="")
    code, _, err = work.bisect("--good", work.commits[0])
    assert code == 4
    assert "pi does not answer" in err
    assert work.is_as_it_was()


def test_ctrl_c_puts_everything_back(work: Work) -> None:
    work.git("checkout", "-q", "-b", "elsewhere")
    work.commit("hangs", hang="")
    process = work.start("--good", work.commits[0])
    while not (work.home / "waiting").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the repository is as it was" in err
    assert work.is_as_it_was("elsewhere")
    assert len(work.runs()) == 3


@pytest.mark.parametrize(
    ("before", "words", "said"),
    [
        ("changed", ("--good", "HEAD~2"), "tracked files are changed"),
        ("bisecting", ("--good", "HEAD~2"), "a bisection is under way"),
        ("", ("--good", "nowhere"), "no such revision"),
        ("", ("--good", "--all"), "is no revision"),
        ("", ("--good", "HEAD"), "are the same commit"),
        ("", ("--good", "HEAD", "--bad", "HEAD~2"), "--bad is older than --good"),
    ],
)
def test_what_could_lose_work_or_has_no_answer_is_refused_at_once(
    work: Work, before: str, words: tuple[str, ...], said: str
) -> None:
    if before == "changed":
        (work.top / "speed").write_text("9.0")
    elif before == "bisecting":
        work.git("bisect", "start")
    code, _, err = work.bisect(*words)
    assert code in (1, 2)
    assert said in err
    assert work.runs() == []
    assert not before or (work.top / ".git" / "BISECT_START").exists() == (before == "bisecting")
    assert before != "changed" or (work.top / "speed").read_text() == "9.0"


def test_lab_itself_is_copied_before_it_is_moved_about(tmp_path: Path) -> None:
    """Steps start from the copy, with its definitions; sessions are measured by what is checked out."""
    here = frozen(ROOT, tmp_path)
    assert here.is_subject
    code = "import lab.core.home as home; print(home.PACKAGE, len(home.definitions('targets')) > 5)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=here.env(dict(os.environ)), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "lab" / "lab"), "True"]


def test_lab_in_another_place_stays_as_it_is(tmp_path: Path) -> None:
    there = frozen(tmp_path, tmp_path)
    assert not there.is_subject
    assert there.env({"A": "b"}) == {"A": "b"}
    assert list(tmp_path.iterdir()) == []
