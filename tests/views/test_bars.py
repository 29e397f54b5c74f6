from __future__ import annotations

from lab.views.pictures import bar, bars


def test_bars_share_one_scale() -> None:
    lines = bars([("a", 10.0, "10"), ("bb", 5.0, "5"), ("c", None, "–")], 26)
    assert lines[0] == "a  10 " + "█" * 20
    assert lines[1] == "bb  5 " + "█" * 10
    assert lines[2] == "c   –"
    assert max(map(len, lines)) <= 26


def test_a_small_value_is_still_seen_and_nothing_is_not() -> None:
    assert bar(1e-9, 1.0, 10) == "▏"
    assert bar(0.0, 1.0, 10) == ""
    assert bar(1.0, 0.0, 10) == ""
    assert bars([], 40) == []
