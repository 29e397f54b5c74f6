from __future__ import annotations

import pytest

from lab.views.pictures import sparkline
from lab.views.runs.raw_page import flat_pairs, in_one_line
from lab.views.units import mebibytes, number, percent, spread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0, "0.00"), (0.0361, "0.036"), (0.9999, "1.00"), (1.0, "1.00"), (9.99, "9.99"), (9.996, "10.0"),
        (35.74, "35.7"), (99.94, "99.9"), (99.96, "100"), (1234.5, "1234"), (-2.5, "-2.50"),
    ],
)  # fmt: skip
def test_three_digits_where_they_matter(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_deviation_has_the_digits_of_the_value() -> None:
    assert spread(35.74, 0.3333) == "35.7 ± 0.3"
    assert spread(1234.5, 17.9) == "1234 ± 18"
    assert spread(8.0, None) == "8.00"
    assert spread(None, None) == "–"


def test_nothing_measured_is_a_dash_and_zero_is_zero() -> None:
    assert (mebibytes(None), mebibytes(0), percent(None), percent(0.704)) == ("–", "0", "–", "70 %")


def test_nested_data_becomes_lines_and_nothing_is_lost() -> None:
    data: dict[str, object] = {"a": {"b": 1, "c": [1.5, None, {"d": True}]}, "e": None, "f": {}, "g": []}
    assert dict(flat_pairs(data)) == {"a.b": "1", "a.c": "1.5 – (d yes)", "e": "–", "f": "none", "g": "none"}


def test_in_one_line_what_is_null_is_left_out() -> None:
    assert in_one_line({"kept": False, "reason": None, "waited_s": 15.0}) == "kept no, waited_s 15"


def test_a_sparkline_keeps_the_peaks() -> None:
    assert sparkline([0.0, 7.0, 0.0, 0.0], 2) == "█▁"
    assert sparkline([3.0, 3.0], 10) == "▁▁"
    assert sparkline([], 10) == ""
    assert sparkline([float(i) for i in range(8)], 8) == "▁▂▃▄▅▆▇█"
