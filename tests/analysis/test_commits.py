"""A commit is the same one with however many digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.boards.windows import revisions
from lab.analysis.commits import is_same, readable, whole
from lab.analysis.compare.axis import along
from lab.analysis.compare.select import Among, select
from lab.analysis.compare.values import Wanted
from lab.analysis.judging.sides import Policy
from lab.analysis.points.table import Points
from lab.core.errors import LabError, StoreError, UsageError
from lab.formats.revision import Repository
from tests.analysis.judging.histories import key, points
from tests.analysis.test_select import git, repository

__all__ = ["repository"]
FULL = "83bc2f285f0a1b2c3d4e5f60718293a4b5c6d7e8"
OTHER = "83bc2f28" + "0" * 32


def measured(*commits: str) -> Points:
    """A session of each commit in turn."""
    rates = 10 * np.exp(np.random.default_rng(1).normal(0, 0.01, len(commits)))
    of = points({key(): rates})
    return replace(of, runs=replace(of.runs, commit=list(commits)))


def chosen(of: Points, text: str, repository: Repository | None = None) -> list[int]:
    return [int(place) for place in select(of, text, Among(repository=repository)).runs]


@given(st.lists(st.integers(7, 40), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_beginnings_of_one_commit_are_the_longest_of_them(digits: list[int]) -> None:
    recorded = [FULL[:many] for many in digits]
    assert set(whole([*recorded, "c" * 40, ""]).values()) == {max(recorded, key=len), "c" * 40, ""}


def test_a_beginning_of_two_commits_stays_what_it_is() -> None:
    assert whole(["83bc2f28", "83bc2f285", "83bc2f280"]) == {one: one for one in ("83bc2f28", "83bc2f285", "83bc2f280")}


@pytest.mark.parametrize(("one", "other", "same"), [
    ("83bc2f28", "83bc2f285", True), ("83bc2f285", "83bc2f28", True), ("83bc2f28", "83bc2f29", False),
    ("83b", "83bc2f28", False), ("v1", "v1", True), ("unknown", "unknown2", False), ("", "83bc2f28", False),
])  # fmt: skip
def test_which_commits_may_be_one(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same


def test_commits_are_read_with_as_many_digits_as_tell_them_apart() -> None:
    assert readable([FULL, "c" * 40]) == [FULL[:12], "c" * 12]
    assert readable([FULL, FULL[:20] + "0" * 20]) == [FULL[:21], FULL[:20] + "0"]


@pytest.mark.parametrize("text", ["83bc2f28", "83bc2f285", FULL, "rev:83bc2f28", "83bc"])
def test_runs_of_eight_and_nine_digits_are_of_one_revision(text: str) -> None:
    assert chosen(measured("83bc2f285", "83bc2f28", "c" * 40, "83bc2f285"), text) == [0, 1, 3]


def test_what_begins_several_is_told_with_digits_that_tell_them_apart_and_each_can_be_named() -> None:
    of = measured(FULL, OTHER, FULL, "83bc2f28")
    with pytest.raises(UsageError, match=f"begins 3 commits: .*{OTHER[:12]}"):
        chosen(of, "83bc2f2")
    assert chosen(of, "83bc2f28") == [3]
    assert chosen(of, "83bc2f285") == [0, 2]


def test_changed_files_stay_apart() -> None:
    of = measured("83bc2f285", "83bc2f28")
    of.runs.dirty[1] = True
    assert chosen(of, "83bc2f28") == [0]
    assert len(set(revisions(of.runs).tolist())) == 2


def test_a_tag_is_the_commit_whose_beginning_is_on_record(repository: Repository) -> None:
    first, second = (git(repository.top, "rev-parse", name) for name in ("v1", "main"))
    of = measured(first[:9], first[:8], second[:9], first)
    assert chosen(of, "v1", repository) == [0, 1, 3]
    assert chosen(of, "main", repository) == [2]
    assert chosen(of, "rev:HEAD", repository) == [2]
    for text in (first[:9], first[:8], first[:12], first):
        assert chosen(of, text, repository) == chosen(of, text) == [0, 1, 3]


def test_every_revision_that_a_hint_lists_is_accepted(repository: Repository) -> None:
    of = measured("83bc2f285", "c0ffee123", "c0ffee124" + "0" * 31)
    with pytest.raises(StoreError) as told:
        chosen(of, "v1", repository)
    assert told.value.hint is not None
    listed = told.value.hint.rpartition(": ")[2].split(", ")
    assert [chosen(of, one, repository) for one in listed] == [[2], [1], [0]]


@given(st.lists(st.sampled_from([8, 9, 12, 40]), min_size=12, max_size=12))
@settings(max_examples=15, deadline=None)
def test_the_number_of_digits_changes_no_verdict(digits: list[int]) -> None:
    names = [FULL] * 6 + ["c" * 40] * 6
    of = measured(*names)
    cut = replace(of, runs=replace(of.runs, commit=[one[:many] for one, many in zip(names, digits, strict=True)]))
    one, other = (along(each, "revision", Wanted(), Policy()) for each in (of, cut))
    assert len(other.values) == 2
    assert [list(row.verdicts.values()) for row in one.rows] == [list(row.verdicts.values()) for row in other.rows]
    assert revisions(of.runs).tolist() == revisions(cut.runs).tolist()


def test_one_revision_is_no_axis() -> None:
    with pytest.raises(StoreError, match="needs at least two values, and only 83bc2f285 is on record"):
        along(measured("83bc2f285", "83bc2f28"), "revision", Wanted(), Policy())


def test_the_baseline_of_an_axis_is_found_by_fewer_digits_and_by_more() -> None:
    of = measured(*["c0ffee123"] * 3, *["83bc2f285"] * 3)
    for asked in ("83bc2f28", FULL):
        assert along(of, "revision", Wanted(reference=asked), Policy()).reference == "83bc2f285"
    with pytest.raises(LabError):
        along(of, "revision", Wanted(reference="83bc2f29"), Policy())
