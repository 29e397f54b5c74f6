"""Unknown columns that no two sessions agree in are no conditions; those that come again are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.points.build import points_of
from lab.analysis.points.defaults import is_known
from tests.analysis.exchange.sources import llama_rows, records, written


def series(folder: Path, columns: Sequence[dict[str, Any]]) -> int:
    """How many series the sessions make, one a day with these columns more."""
    row = llama_rows()[0]
    rows = [
        {**row, "test_time": f"2026-01-{day:02d}T02:00:00Z", "avg_ns": row["avg_ns"] + day, **more}
        for day, more in enumerate(columns, 1)
    ]
    return len({key.conditions for key in points_of(records_of(folder, rows)).keys})


def records_of(folder: Path, rows: list[dict[str, Any]]) -> list[Any]:
    return list(records(written(folder, rows)))


@pytest.mark.parametrize(
    "values",
    [
        [0.731, 0.744, 0.729, 0.752, 0.738, 0.741],
        [f"2026-01-0{day}T03:04:05" for day in range(1, 7)],
        [1234567, 2345678, 3456789, 4567890, 5678901, 6789012],
    ],
)
def test_values_of_their_own_make_no_series(tmp_path: Path, values: list[Any]) -> None:
    assert series(tmp_path, [{"foo": value} for value in values]) == 1
    assert series(tmp_path, [{"foo": value, "bar": f"0.{i}57"} for i, value in enumerate(values)]) == 1


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3, 4, 5, 6],
        [0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
        [0.125, 0.25, 0.125, 0.25, 0.125, 0.25],
        ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"],
        [0.731, 0.744, 0.729],
    ],
)
def test_values_that_people_set_make_series(tmp_path: Path, values: list[Any]) -> None:
    assert series(tmp_path, [{"n_foo": value} for value in values]) == len(set(values))


def test_a_known_setting_is_never_taken_for_a_measurement(tmp_path: Path) -> None:
    assert series(tmp_path, [{"n_batch": 1000001 + each} for each in range(6)]) == 6


def test_an_apps_own_settings_are_known_by_the_object_they_stand_in() -> None:
    assert is_known("pocketpal", "effective_init_params.n_ctx")
    assert not is_known("pocketpal", "battery_note")
    assert is_known("1", "whatever")  # lab's own rules
