from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

import lab
from lab.formats.provenance import git_state, provenance


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "a.py").write_text("1\n")
    for words in (
        ["init", "-q"],
        ["add", "a.py"],
        ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    return root


def test_a_clean_checkout_has_a_commit(checkout: Path) -> None:
    head = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True)
    state = git_state(checkout)
    assert (state.commit, state.dirty) == (head.stdout.strip(), False)
    assert len(state.commit or "") == 40


def test_a_changed_or_new_file_makes_it_dirty(checkout: Path) -> None:
    (checkout / "b.py").write_text("new\n")
    assert git_state(checkout).dirty is True
    (checkout / "b.py").unlink()
    (checkout / "a.py").write_text("2\n")
    assert git_state(checkout).dirty is True


def test_git_variables_of_a_hook_do_not_mislead(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere/.git")
    assert git_state(checkout).dirty is False


def test_an_installed_lab_inside_a_repository_is_no_checkout(checkout: Path) -> None:
    inside = checkout / "venv" / "site-packages"
    inside.mkdir(parents=True)
    assert git_state(inside).commit is None
    assert git_state(inside).dirty is None


def test_no_repository_and_no_git_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_state(tmp_path).commit is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    assert git_state(tmp_path).dirty is None


def test_provenance_says_version_and_python() -> None:
    block = provenance()
    assert (block.version, block.python) == (lab.__version__, platform.python_version())
