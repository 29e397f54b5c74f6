"""Which revision of a user's own work a run is of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.core.errors import UsageError
from lab.core.home import PACKAGE
from lab.formats.revision import measured_revision, repository
from lab.formats.run.blocks import RevisionBlock
from lab.formats.tags import check_tag


@pytest.fixture
def work(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "deep").mkdir(parents=True)
    (root / "a").write_text("1")
    for words in (
        ["init", "-q"],
        ["add", "a"],
        ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-q", "-m", "first"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    return root


def head(root: Path) -> str:
    return subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()


def test_it_is_the_commit_of_the_repository_around(work: Path) -> None:
    assert measured_revision(None, work / "deep") == RevisionBlock(head(work), False)


def test_only_files_that_git_follows_make_it_dirty(work: Path) -> None:
    (work / "profiles").mkdir()
    (work / "profiles" / "run.json").write_text("{}")
    assert measured_revision(None, work) == RevisionBlock(head(work), False)
    (work / "a").write_text("2")
    assert measured_revision(None, work) == RevisionBlock(head(work), True)
    assert measured_revision("v1", work) == RevisionBlock(head(work), True)


def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    assert repository(tmp_path) is None
    assert measured_revision(None, tmp_path) is None


def test_labs_own_checkout_is_named_elsewhere() -> None:
    assert measured_revision(None, PACKAGE) is None


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    assert measured_revision(None, tmp_path) is None


def test_a_full_id_needs_no_repository(tmp_path: Path) -> None:
    assert measured_revision("a" * 40, tmp_path) == RevisionBlock("a" * 40, False)
    with pytest.raises(UsageError, match="in no git repository"):
        measured_revision("v1", tmp_path)


def test_a_near_name_is_offered(work: Path) -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'v1'\?"):
        measured_revision("v1x", work)


@pytest.mark.parametrize("text", ["-h", "--git-dir", "", "a\nb"])
def test_options_are_no_revisions(work: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is no revision"):
        measured_revision(text, work)


@pytest.mark.parametrize(
    "name", ["", "Big", "a b", "../x", "-x", "a|b", "latest", "last", "confirm", "a..b", "x" * 101]
)
def test_names_that_cannot_be_tags(name: str) -> None:
    with pytest.raises(UsageError):
        check_tag(name)


@pytest.mark.parametrize("name", ["v1.2", "nightly", "2026-11-24_a"])
def test_names_that_can(name: str) -> None:
    check_tag(name)
