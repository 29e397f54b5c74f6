"""Every reader of untrusted bytes, and the commands over them, on a few mutated inputs; benchmarks.fuzz gives more."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.commands import EscapedError
from benchmarks.fuzz.targets import Target, raw
from benchmarks.fuzz.worker import all_targets, fault_of
from lab.core import lock
from lab.core.errors import LabError

TARGETS = {one.name: one for one in all_targets()}
READERS = [name for name, one in TARGETS.items() if one.at_once == 10 and not name.startswith("lab over")]
COMMANDS = [name for name in TARGETS if name.startswith("lab over")]
BOUNDED = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the readers set for themselves is as it was afterwards."""
    for name in ("HOME", "LAB_HOME", "LAB_LOCKS", "COLUMNS"):
        monkeypatch.setenv(name, os.environ.get(name, "100"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lock, "NAME_S", 0.3)  # nobody's name comes later


def held(target: Target, seed: int, folder: Path) -> None:
    box = folder / f"{random.Random(seed).random()}{len(list(folder.iterdir()))}"
    (box / "in").mkdir(parents=True)
    fault = fault_of(target, box / "in", target.make(random.Random(f"{seed}:{target.name}")))
    assert fault is None, fault
    assert [path.name for path in box.iterdir()] == ["in"]


@pytest.mark.parametrize("name", READERS)
def test_mutated_inputs_are_read_or_refused(tmp_path: Path, name: str) -> None:
    @BOUNDED
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        held(TARGETS[name], seed, tmp_path)

    check()


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_over_mutated_files_end_well(tmp_path: Path, name: str) -> None:
    @settings(BOUNDED, max_examples=3)
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        held(TARGETS[name], seed, tmp_path)

    check()


@pytest.mark.parametrize(
    ("problem", "kind"),
    [(IndexError("x"), "traceback"), (EscapedError("x"), "escape"), (MemoryError(), "memory")],
)
def test_what_must_not_happen_is_told(tmp_path: Path, problem: Exception, kind: str) -> None:
    def read(folder: Path, data: bytes) -> NoReturn:
        raise problem

    fault = fault_of(Target("x", raw(b"x"), read), tmp_path, b"")
    assert fault is not None
    assert fault[0] == kind


def test_a_refusal_is_no_fault(tmp_path: Path) -> None:
    def read(folder: Path, data: bytes) -> NoReturn:
        raise LabError("no")

    assert fault_of(Target("x", raw(b"x"), read), tmp_path, b"") is None
