"""From what a person types to runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.analysis.compare.select import Among, select
from lab.analysis.points.build import points_of
from lab.analysis.points.table import Points
from lab.core.errors import LabError, StoreError, UsageError
from lab.formats.revision import Repository
from tests.analysis.sessions import NEW, OLD, session, sessions


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    git(tmp_path, "init", "-q", "-b", "main")
    for name in ("one", "two"):
        (tmp_path / "file").write_text(name)
        git(tmp_path, "add", "file")
        git(tmp_path, "commit", "-q", "-m", name)
    git(tmp_path, "tag", "v1", "HEAD~1")
    return Repository(tmp_path)


@pytest.fixture(scope="module")
def points() -> Points:
    tagged = session(20, 9.0, NEW, tags=["nightly"])
    dirty = session(21, 9.0, NEW, revision={"commit": NEW, "dirty": True})
    other = session(22, 9.0, "c" * 40, target={"name": "pixel8-cpu", "spec": {}}, tags=["nightly"])
    return points_of([*sessions(0, 10.0), tagged, dirty, other, session(23, 9.0, "c" * 40, tags=["confirm"])])


def ids(points: Points, text: str, among: Among | None = None) -> list[int]:
    """The numbers of the sessions that the text means."""
    return [int(points.runs.run_id[i][-6:], 16) for i in select(points, text, among).runs]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("latest", [22]),  # 23 is of a confirm stage
        ("latest~1", [21]),
        ("last:3", [20, 21, 22]),
        ("nightly", [20, 22]),
        ("tag:nightly", [20, 22]),
        ("20261101-010000-000001", [1]),
        ("run:20261101-02", [2]),
        (OLD, [0, 1, 2, 3, 4]),
        ("rev:aaaa", [0, 1, 2, 3, 4]),
        (NEW[:9], [20]),
        ("latest~3..latest", [4, 20, 21, 22]),
        ("20261101-010000-000001..20261101-030000-000003", [1, 2, 3]),
        ("20261101", [0, 1, 2, 3, 4, 20, 21, 22, 23]),
        ("2026-11-01", [0, 1, 2, 3, 4, 20, 21, 22, 23]),
        ("20261101-02..20261101-20", [2, 3, 4, 20]),
    ],
)
def test_each_way_to_name_runs(points: Points, text: str, numbers: list[int]) -> None:
    assert ids(points, text) == numbers


@pytest.fixture(scope="module")
def days() -> Points:
    """Two sessions on each of the first, second and fifth of November."""
    return points_of([session(24 * day + hour, 10.0) for day in (0, 1, 4) for hour in (1, 2)])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("20261101..20261102", [1, 2, 25, 26]),
        ("2026-11-02..2026-11-05", [25, 26, 97, 98]),
        ("20261103..20261130", [97, 98]),  # the borders need no run of their own
        ("20261020..20261103", [1, 2, 25, 26]),
        ("20261102..latest", [25, 26, 97, 98]),
        ("20261101-01..20261101", [1, 2]),
    ],
)
def test_a_range_of_days(days: Points, text: str, numbers: list[int]) -> None:
    assert ids(days, text) == numbers


def test_a_range_of_days_without_a_run_is_told(days: Points) -> None:
    with pytest.raises(LabError, match="20261103"):
        select(days, "20261103..20261104")


def test_part_of_the_history_is_what_is_counted(points: Points) -> None:
    assert ids(points, "last:2", Among(measured=frozenset({0, 1, 3}))) == [1, 3]


def test_a_target_and_a_model_narrow_all_of_them(points: Points) -> None:
    assert ids(points, "latest", Among(target="local")) == [21]
    assert ids(points, "nightly", Among(target="pixel8-cpu", model="phi3-mini-q4")) == [22]
    with pytest.raises(StoreError, match="no run of phi3-mini-q8"):
        select(points, "latest", Among(model="phi3-mini-q8"))


def test_runs_of_changed_files_are_not_the_commits(points: Points) -> None:
    assert ids(points, NEW) == [20]
    side = select(points, NEW, Among(dirty=True))
    assert (side.label, len(side.runs)) == (f"{NEW[:12]}, changed files too", 2)
    only = points_of([session(0, 1.0, NEW, revision={"commit": NEW, "dirty": True})])
    with pytest.raises(StoreError, match="with changed files") as caught:
        select(only, NEW)
    assert "--dirty" in str(caught.value.hint)


def test_git_says_what_a_revision_is(repository: Repository) -> None:
    first, second = git(repository.top, "rev-parse", "v1"), git(repository.top, "rev-parse", "HEAD")
    found = points_of([*sessions(0, 10.0, 2, first), *sessions(5, 9.0, 3, second)])
    among = Among(repository=repository)
    assert ids(found, "v1", among) == ids(found, "HEAD~1", among) == ids(found, first[:7], among) == [0, 1]
    side = select(found, "main", among)
    assert (side.label, len(side.runs)) == (f"main ({second[:12]})", 3)


def test_a_revision_that_was_not_measured_is_told_with_those_that_were(points: Points, repository: Repository) -> None:
    with pytest.raises(StoreError, match=r"of revision v1 \([0-9a-f]{12}\)") as caught:
        select(points, "v1", Among(repository=repository))
    assert NEW[:12] in str(caught.value.hint)


def test_what_means_two_things_is_refused_with_both_ways_to_say_it(repository: Repository) -> None:
    commit = git(repository.top, "rev-parse", "v1")
    found = points_of([session(0, 1.0, commit), session(1, 1.0, OLD, tags=["v1"])])
    with pytest.raises(UsageError, match="several things") as caught:
        select(found, "v1", Among(repository=repository))
    assert caught.value.hint == "say which: tag:v1 or rev:v1"
    assert ids(found, "tag:v1") == [1]
    assert ids(found, "rev:v1", Among(repository=repository)) == [0]


def test_a_tag_and_a_revision_of_the_same_runs_are_no_riddle(repository: Repository) -> None:
    found = points_of([session(0, 1.0, git(repository.top, "rev-parse", "v1"), tags=["v1"])])
    assert ids(found, "v1", Among(repository=repository)) == [0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nightli", "Did you mean nightly?"),
        ("run:2026", "means 9 runs"),
        ("last:0", "expected latest"),
        ("latest~x", "expected latest"),
        ("latest~99", "only 8 runs"),
        ("latest..latest~2", "the first run is the later one"),
        ("v1..v2", "from a run to a run"),
        ("20261101-010000-ffffff", "is no run"),
    ],
)
def test_what_names_nothing_says_so_and_the_next_step(points: Points, text: str, words: str) -> None:
    with pytest.raises(LabError) as caught:
        select(points, text)
    assert words in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize("text", ["--output=/tmp/x", "-n1", "", "a\x1b[2J", "rev:--all", "rev:-h"])
def test_nothing_becomes_an_option_of_git(points: Points, repository: Repository, text: str) -> None:
    with pytest.raises(LabError):
        select(points, text, Among(repository=repository))
    assert sorted(path.name for path in repository.top.iterdir()) == [".git", "file"]


def test_two_commits_that_begin_alike_are_named() -> None:
    found = points_of([session(0, 1.0, "abcd" + "0" * 36), session(1, 1.0, "abcd" + "1" * 36)])
    with pytest.raises(UsageError, match="begins 2 commits: abcd00000000, abcd11111111"):
        select(found, "abcd")
