from __future__ import annotations

from lab.views.pictures import bar, bar_with_interval, bars


def test_bars_share_one_scale() -> None:
    lines = bars([("a", 10.0, None, "10"), ("bb", 5.0, None, " 5"), ("c", None, None, " –")], 26)
    assert lines[0] == "a  10 " + "█" * 20
    assert lines[1] == "bb  5 " + "█" * 10
    assert lines[2] == "c   –"
    assert max(map(len, lines)) <= 26


def test_a_small_value_is_still_seen_and_nothing_is_not() -> None:
    assert bar(1e-9, 1.0, 10) == "▏"
    assert bar(0.0, 1.0, 10) == ""
    assert bar(1.0, 0.0, 10) == ""
    assert bars([], 40) == []


def test_an_interval_blurs_the_end_of_a_bar() -> None:
    assert bar_with_interval(8.0, (6.0, 10.0), 10.0, 10) == "██████▓▓░░"
    assert bar_with_interval(8.0, (7.99, 8.01), 10.0, 10) == bar(8.0, 10.0, 10)
    assert bar_with_interval(8.0, None, 10.0, 10) == bar(8.0, 10.0, 10)


def test_the_scale_holds_the_longest_interval() -> None:
    lines = bars([("a", 8.0, (6.0, 10.0), "8"), ("b", 9.0, None, "9")], 14)
    assert lines == ["a 8 ██████▓▓░░", "b 9 █████████"]
