"""Small pictures of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.views.pictures import BARS, MARK, change_sparkline, sparkline

VALUES = st.lists(st.floats(0.001, 1e12), min_size=1, max_size=80)


def test_noise_below_the_threshold_does_not_fill_the_height() -> None:
    noise = [100.0, 100.1, 99.9, 100.0, 100.1]
    assert set(sparkline(noise, 5)) >= {"▁", "█"}
    assert set(sparkline(noise, 5, least=0.05)) <= {"▄", "▅"}
    assert sparkline([5.0, 5.0], 2, least=0.05) in ("▄▄", "▅▅")


def test_a_change_above_the_threshold_fills_it() -> None:
    assert sparkline([100.0, 100.0, 90.0], 3, least=0.05) == "██▁"


@pytest.mark.parametrize("odd", [50.0, 150.0])
def test_neither_a_low_nor_a_high_outlier_disappears_in_its_share(odd: float) -> None:
    values = [100.0 + step % 3 for step in range(30)]
    values[13] = odd
    assert ("▁" if odd < 100 else "█") in sparkline(values, 10)
    assert len(sparkline(values, 10)) == 10


def test_a_change_is_in_the_middle_and_marked_however_long_ago_it_was() -> None:
    values = [20.0] * 100 + [18.0] * 100
    assert change_sparkline(values, 100, 9) == "████│▁▁▁▁"
    assert change_sparkline(values, 3, 9).index("│") == 3
    assert change_sparkline(values, 197, 9).endswith("│▁▁▁")
    assert change_sparkline([20.0, 18.0], 1, 9) == "█│▁"


@given(VALUES, st.integers(1, 40), st.floats(0, 1))
def test_pictures_have_their_width_and_no_more(values: list[float], width: int, least: float) -> None:
    found = sparkline(values, width, least)
    assert len(found) == min(width, len(values))
    assert set(found) <= set(BARS)
    for mark in {0, len(values) // 2, len(values) - 1}:
        marked = change_sparkline(values, mark, max(width, 3), least)
        assert len(marked) == min(max(width, 3), len(values) + 1)
        assert marked.count(MARK) == 1
