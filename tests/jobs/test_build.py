"""The process that builds the runner while the model is compiled: another program stands in for it here."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

import lab.jobs.build as ahead
import lab.ondevice.build as build
from lab.core.progress import NullProgress
from lab.formats.target import TargetSpec, load_target
from tests.measure.bench import Said

WORKS = "import os, time; open({!r}, 'w').write(str(os.getpid())); time.sleep({}); open({!r}, 'w').write('whole')"


@pytest.fixture
def target() -> TargetSpec:
    return load_target("local")


def stands_in(monkeypatch: pytest.MonkeyPatch, folder: Path, seconds: float) -> None:
    program = WORKS.format(str(folder / "pid"), seconds, str(folder / "built"))
    monkeypatch.setattr(ahead, "PROGRAM", (sys.executable, "-S", "-c", program))
    monkeypatch.setattr(build, "is_built", lambda mtriple: False)


def until_it_runs(folder: Path) -> int:
    for _ in range(500):
        if (folder / "pid").exists() and (text := (folder / "pid").read_text()):
            return int(text)
        time.sleep(0.01)
    raise AssertionError("it was not started")


def test_the_end_of_the_block_waits_for_it_and_says_so(
    target: TargetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_in(monkeypatch, tmp_path, 0.2)
    said = Said()
    with ahead.runner_ahead(target, said):
        until_it_runs(tmp_path)
    assert (tmp_path / "built").read_text() == "whole"
    assert said.phases == [("build the runner", None, "")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_of_the_block_ends_it(
    target: TargetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    stands_in(monkeypatch, tmp_path, 60)
    with pytest.raises(error), ahead.runner_ahead(target, NullProgress()):
        raise error(until_it_runs(tmp_path))
    pid = until_it_runs(tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not (tmp_path / "built").exists()


def test_nothing_starts_where_it_is_built(target: TargetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, tmp_path, 0)
    monkeypatch.setattr(build, "is_built", lambda mtriple: True)
    with ahead.runner_ahead(target, NullProgress()):
        pass
    assert not (tmp_path / "pid").exists()


def test_that_it_fails_is_for_the_runner_itself_to_say(target: TargetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PROGRAM", (sys.executable, "-c", "raise SystemExit('no compiler')"))
    monkeypatch.setattr(build, "is_built", lambda mtriple: False)
    with ahead.runner_ahead(target, NullProgress()):
        pass
