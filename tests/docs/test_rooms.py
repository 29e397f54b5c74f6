"""compiled/ and profiles/ stand in a checkout with a README each, which no verb takes for a run or a bundle."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Keep, Lab

ROOT = Path(__file__).parents[2]
ROOMS = ("compiled", "profiles")
VERBS = (
    "runs",
    "show latest",
    "compare latest~1 latest",
    "store check",
    "store set-aside",
    "store compact --older-than 1d",
    "store prune --older-than 1d",
    "store remove 20261124-210000-ab12ce",
    "store copy --to copied",
    "store export --parquet all.parquet",
    "regressions",
    "dash --once",
    "export latest --format csv",
    "clean",
    "clean --yes",
    "targets",
    "models",
)


def furnish(home: Path) -> None:
    for room in ROOMS:
        (home / room).mkdir(exist_ok=True)
        shutil.copy(ROOT / room / "README.md", home / room)


def bring_back(home: Path, kept: Path) -> None:
    """Make `home` what it was; the folder itself stays, since it is the working folder."""
    for path in home.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(kept, home, dirs_exist_ok=True)


@pytest.fixture
def runs(home: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    keep()
    keep(run_id="20261124-210000-ab12ce", created_at="2026-11-24T21:00:00Z")
    return home


@pytest.mark.parametrize("verb", VERBS)
def test_a_readme_changes_no_answer_and_stays(verb: str, runs: Path, lab: Lab, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "as it was")
    expected = lab(*verb.split())
    bring_back(runs, tmp_path / "as it was")
    furnish(runs)
    ran = lab(*verb.split())
    assert (ran.code, ran.out) == (expected.code, expected.out)
    for room in ROOMS:
        assert (runs / room / "README.md").read_bytes() == (ROOT / room / "README.md").read_bytes()


def test_elsewhere_a_readme_is_still_a_stranger(runs: Path, lab: Lab) -> None:
    (runs / "profiles" / "local" / "README.md").write_text("notes")
    ran = lab("store", "check")
    assert ran.code != 0
    assert "local/README.md" in ran.out


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a copy of the tree without its history")
def test_git_keeps_the_readme_and_nothing_else_there() -> None:
    paths = [f"{room}/{name}" for room in ROOMS for name in ("README.md", "local/run.json", "x.md")]
    ignored = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == [path for path in paths if not path.endswith("README.md")]
