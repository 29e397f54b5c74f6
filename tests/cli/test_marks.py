"""`lab run --tag` and `--revision`: every kind of run carries what it is found by later."""

# ruff: noqa: F811 - a fixture is used by its name

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import DeviceUnreachableError
from lab.formats.run.blocks import RevisionBlock
from lab.formats.run_record import RunRecord, from_json, to_json
from tests.analysis.documents import record
from tests.cli.conftest import Keep, Lab
from tests.cli.test_resume import lacking, same_build  # noqa: F401 - a fixture
from tests.cli.test_run_verb import RUN, Session, session  # noqa: F401 - a fixture


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Stand in a repository with one commit, and return that."""
    top = tmp_path / "work"
    top.mkdir()
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-C", str(top)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    monkeypatch.chdir(top)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_the_session_is_told_tags_and_the_commit_one_stands_in(lab: Lab, session: Session, work: str) -> None:
    assert lab(*RUN, "--tag", "v1.2", "--tag", "nightly", "--tag", "v1.2").code == 0
    assert session.said == {"tags": ("v1.2", "nightly"), "revision": RevisionBlock(work, False)}


def test_another_revision_can_be_named(lab: Lab, session: Session, work: str) -> None:
    assert lab(*RUN, "--revision", "v1").code == 0
    assert session.said == {"revision": RevisionBlock(work, False)}
    refused = lab(*RUN, "--revision", "v9")
    assert refused.code == 2
    assert "no such revision" in refused.err


@pytest.mark.parametrize("words", [("--tag", "a b"), ("--tag", "latest"), ("--tag", "../x"), ("--revision", "-h")])
def test_what_cannot_be_found_again_is_refused_before_anything_is_built(
    lab: Lab,
    session: Session,
    words: tuple[str, str],
) -> None:
    assert lab(*RUN, *words).code == 2
    assert session.plan is None


def test_a_device_that_was_away_leaves_a_run_with_both(
    lab: Lab,
    session: Session,
    work: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(self: Any) -> dict[str, Any]:
        raise DeviceUnreachableError("it does not answer")

    monkeypatch.setattr("lab.devices.local.LocalDevice.facts", away)
    assert lab(*RUN, "--tag", "nightly").code == 4
    (found,) = map(store.read_entry, store.entries())
    assert isinstance(found, RunRecord)
    assert (found.status, found.tags, found.revision) == ("failed", ("nightly",), RevisionBlock(work, False))


def test_the_rest_of_a_run_keeps_its_tags(lab: Lab, keep: Keep, session: Session, same_build: None) -> None:
    keep(status="interrupted", cells=lacking(), tags=["nightly"])
    assert lab("run", "--resume", "latest", "--json").code == 0
    assert session.said["tags"] == ("nightly",)


def test_the_record_holds_both_and_is_read_again() -> None:
    run = record(tags=["v1.2"], revision={"commit": "c" * 40, "dirty": True})
    again = from_json(to_json(run))
    assert (again.tags, again.revision) == (("v1.2",), RevisionBlock("c" * 40, True))
