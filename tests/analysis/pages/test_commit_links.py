"""Links to commits: of sites that plainly are ones, and nothing of a password."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.pages.commit_links import commit_links, web_address


@pytest.mark.parametrize(
    ("remote", "site"),
    [
        ("https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://user:secret@github.com/owner/name", "https://github.com/owner/name"),
        ("git@GitHub.com:owner/name.git", "https://github.com/owner/name"),
        ("ssh://git@gitlab.example.com:2222/group/sub/name.git", "https://gitlab.example.com/group/sub/name"),
        ("http://git.example.com:3000/owner/name/", "http://git.example.com:3000/owner/name"),
    ],
)
def test_a_site_is_found_without_its_password(remote: str, site: str) -> None:
    assert web_address(remote) == site


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/name.git",
        "../name",
        "file:///srv/name",
        "javascript:alert(1)//a.b/c/d",
        "https://example.com/a/../../b",
        'https://example.com/a/b"onclick="x',
        "https://example.com/a/b?x=1",
        "https://example.com/a/b#x",
        "https://exa mple.com/a/b",
        "https://a@b@example.com/a/b c",
        "data:text/html,x",
        "ext::sh -c x",
        "https://localhost/a/b",
    ],
)
def test_all_else_is_no_link(remote: str) -> None:
    assert web_address(remote) is None


@given(st.text(alphabet="htps:/@.-_ab\"'<>& \n#?%\\~", max_size=60))
def test_whatever_a_remote_is_a_link_is_plain(remote: str) -> None:
    found = web_address(remote)
    assert found is None or (found.startswith(("http://", "https://")) and not set(found[8:]) & set("\"'<>& \n#?%\\@"))


def test_only_commits_of_the_repository_are_linked(tmp_path: Path) -> None:
    def git(*argv: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        return subprocess.run(["git", "-C", str(tmp_path), *who, *argv], capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert commit_links([commit], tmp_path) == {}
    git("remote", "add", "origin", "https://me:secret@gitlab.com/owner/name.git")
    found = commit_links([commit, commit[:9], "f" * 40, "", "--all", "main"], tmp_path)
    assert found == {one: f"https://gitlab.com/owner/name/-/commit/{one}" for one in (commit, commit[:9])}
