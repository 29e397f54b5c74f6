"""Histories that others published, judged: what is known to have changed is found, what is quiet stays quiet."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lab.analysis.history.regression import Regression
from lab.analysis.history.regressions import History, judge_history
from tests.analysis.history.histories import NOW_S, START_S, history, key

FOLDER = Path(__file__).parent / "published"


def judged(name: str) -> History:
    """The file as points of the metric nearest to what it holds, one model a column."""
    with (FOLDER / name).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [column for column in rows[0] if column not in ("created_s", "commit")]
    metric = "ttft_s" if "created_s" in rows[0] else "decode_tok_per_s"
    values = {
        key(model=column.replace("_", "-"), metric=metric): [float(row[column] or "nan") for row in rows]
        for column in columns
    }
    created = [int(row.get("created_s", START_S + 86_400 * number)) for number, row in enumerate(rows)]
    commits = [row.get("commit", f"{number:07x}") for number, row in enumerate(rows)]
    return judge_history(history(values, created_s=created, commits=commits), now_s=NOW_S)


def of(found: History, column: str) -> list[Regression]:
    """The changes of one column, oldest first."""
    name = column.replace("_", "-")
    return sorted((one for one in found.changes if one.cell.model == name), key=lambda one: one.index)


@pytest.fixture(scope="module")
def latest() -> History:
    return judged("pvlib-latest.csv")


@pytest.fixture(scope="module")
def pinned() -> History:
    return judged("pvlib-pinned.csv")


# What the commits themselves say that they do.
@pytest.mark.parametrize(
    ("column", "commit", "word", "ratio"),
    [
        ("time_location_get_clearsky", "1c0c3e74b", "faster", 0.038),  # lookup_linke_turbidity speed improvement (#442)
        ("time_location_get_clearsky", "46059b5c3", "faster", 0.76),  # improve speed of Location.get_airmass (#528)
        ("time_location_get_airmass", "46059b5c3", "faster", 0.27),
        ("time_singleaxis", "e1dacb20f", "faster", 0.21),  # fix incorrect nan assignments in singleaxis (#573)
        ("time_aoi", "5bdad6443", "slower", 1.33),  # Update irradiance.aoi to use more reliable formula (#1191)
    ],
)
def test_what_a_commit_did_is_found_at_that_commit(
    latest: History, column: str, commit: str, word: str, ratio: float
) -> None:
    (change,) = [one for one in of(latest, column) if one.commits[1].startswith(commit)]
    assert change.word == word
    assert change.ratio == pytest.approx(ratio, rel=0.03)


def test_a_change_of_the_environment_hits_every_benchmark_at_one_commit(latest: History, pinned: History) -> None:
    """The newest NumPy or pandas came in at 7766bc6, which only adds a reader of files; pinned ones did not."""
    hit = {one.cell.model for one in latest.changes if one.commits[1].startswith("7766bc6")}
    assert hit == {"time-aoi", "time-location-get-airmass", "time-location-get-clearsky"}
    assert not any(one.commits[1].startswith("7766bc6") for one in pinned.changes)


def test_the_same_commits_are_found_in_the_other_environment(pinned: History) -> None:
    assert [one.commits[1][:7] for one in of(pinned, "time_location_get_airmass")][:1] == ["46059b5"]
    assert [one.commits[1][:7] for one in of(pinned, "time_aoi")][:1] == ["5bdad64"]


@pytest.mark.parametrize("column", ["time_location_get_sun_rise_set_transit_pyephem", "time_calc_time"])
def test_four_quiet_years_are_quiet(pinned: History, column: str) -> None:
    assert of(pinned, column) == []


def test_few_changes_are_found_in_all(latest: History, pinned: History) -> None:
    """Eight series of up to 468 nights, of which two are quiet."""
    assert (latest.judged, pinned.judged) == (4, 4)
    assert len(latest.changes) + len(pinned.changes) <= 20


def test_what_was_pinned_is_seen_when_it_moves(pinned: History) -> None:
    """95e25fd: Advance numpy from 1.12.0 to 1.16.0 (#1400); 83e379a: Bump pandas to 0.25.0 (#1448)."""
    changes = {one.commits[1][:7]: one for one in of(pinned, "time_aoi")}
    assert (changes["95e25fd"].word, changes["83e379a"].word) == ("faster", "slower")
    assert changes["83e379a"].open


def test_the_regression_of_tigerbeetle_is_found_and_that_it_was_made_good() -> None:
    """Otava's own test expects changes at 15 and 71 at this floor; the dip of one run at 10 is no level."""
    changes = of(judged("tigerbeetle.csv"), "operations_per_s")
    assert [(one.index, one.word) for one in changes][:2] == [(15, "slower"), (71, "faster")]
    assert not any(one.open for one in changes)
    assert len(changes) <= 3
