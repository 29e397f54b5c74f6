"""A history stands in the order of its revisions, as far as anybody knows it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.history.order import order_of
from lab.analysis.history.regressions import History, judge_history
from lab.analysis.points.table import Points
from lab.formats.revision import Repository
from tests.analysis.history.histories import DAY_S, KEY, NOW_S, START_S, history, stepped

NIGHTS, AGAIN = 40, 6
LOST = stepped(NIGHTS, 25, 0.8, seed=3)  # the newest commit is slow
VALUES = [*LOST, *LOST[:AGAIN]]  # and the first commits are measured again
NAMES = [f"{number:07x}ab" for number in range(NIGHTS)]


def again(names: list[str] = NAMES, numbers: list[int] | None = None) -> Points:
    """Forty nights of as many commits, of which the first ones are measured again after the last."""
    of = history({KEY: VALUES}, commits=[*names, *names[:AGAIN]])
    of.runs.build_number[:] = [*numbers, *numbers[:AGAIN]] if numbers else [0] * len(VALUES)
    return of


def judged(of: Points, repository: Repository | None = None) -> History:
    return judge_history(of, now_s=NOW_S, repository=repository)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """As many commits as nights."""
    top = tmp_path_factory.mktemp("repository")
    git(top, "init", "-q", "-b", "main")
    for night in range(NIGHTS):
        git(top, "commit", "-q", "--allow-empty", "-m", f"night {night}")
    return Repository(top)


def git(top: Path, *argv: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return subprocess.run(["git", "-C", str(top), *who, *argv], check=True, capture_output=True, text=True).stdout


def ids(repository: Repository) -> list[str]:
    return git(repository.top, "rev-list", "--reverse", "HEAD").split()


def test_commits_measured_again_leave_the_newest_level_as_it_is() -> None:
    found = judged(again())
    assert [(one.open, one.index) for one in found.changes] == [(True, 25 + AGAIN)]
    assert found.changes[0].commits == (NAMES[24], NAMES[25])
    assert found.order is not None
    assert (found.order.moved, found.order.known) == (AGAIN, {"date": NIGHTS})
    assert found.exit_code == 3


def test_the_repository_knows_which_commit_is_older(repository: Repository) -> None:
    """Commits are recorded with nine digits, and the oldest ones are measured for the first time after all others."""
    names = [one[:9] for one in ids(repository)]
    late = history({KEY: [*LOST[AGAIN:], *LOST[:AGAIN]]}, commits=[*names[AGAIN:], *names[:AGAIN]])
    assert judged(late).exit_code == 0  # without it they are the newest ones
    found = judged(late, repository)
    assert [(one.open, one.index) for one in found.changes] == [(True, 25)]
    assert found.order is not None
    assert (found.order.moved, found.order.known) == (AGAIN, {"git": NIGHTS})


def test_llama_cpp_counts_its_commits() -> None:
    numbers = [6000 + night for night in range(NIGHTS)]
    late = history({KEY: [*LOST[AGAIN:], *LOST[:AGAIN]]}, commits=[*NAMES[AGAIN:], *NAMES[:AGAIN]])
    late.runs.build_number[:] = [*numbers[AGAIN:], *numbers[:AGAIN]]
    found = judged(late)
    assert [(one.open, one.index) for one in found.changes] == [(True, 25)]
    assert found.order is not None
    assert found.order.known == {"build number": NIGHTS}


def test_the_number_of_a_checkout_without_history_orders_nothing() -> None:
    order = order_of(again(numbers=[1] * NIGHTS).runs)
    assert order.known == {"date": NIGHTS}


def test_a_changed_tree_is_no_measurement_of_its_commit() -> None:
    of = again()
    of.runs.dirty[NIGHTS:] = True
    assert order_of(of.runs).moved == 0


def test_other_targets_and_models_have_orders_of_their_own() -> None:
    of = again()
    of.runs.target[NIGHTS:] = ["other"] * AGAIN
    assert order_of(of.runs).moved == 0


def test_one_commit_night_after_night_stays_where_it_is() -> None:
    of = history({KEY: LOST}, commits=["83bc2f285", "83bc2f28"] * (NIGHTS // 2))
    assert order_of(of.runs).moved == 0
    assert judged(of).exit_code == 3


@given(st.permutations(range(NIGHTS + AGAIN)), st.lists(st.integers(8, 9), min_size=46, max_size=46))
@settings(max_examples=15, deadline=None)
def test_neither_the_order_of_import_nor_the_length_of_a_commit_changes_a_verdict(
    order: list[int], digits: list[int]
) -> None:
    commits = [name[:many] for name, many in zip([*NAMES, *NAMES[:AGAIN]], digits, strict=True)]
    created = START_S + DAY_S * np.arange(NIGHTS + AGAIN)
    mixed = history(
        {KEY: [VALUES[i] for i in order]}, commits=[commits[i] for i in order], created_s=created[order].tolist()
    )
    (change,) = judged(mixed).changes
    assert (change.open, change.index, change.values) == (True, 25 + AGAIN, judged(again()).changes[0].values)
