"""What a first reading tells the screen."""

from __future__ import annotations

from lab.views.tui.source import Count


def test_nothing_is_said_of_a_short_reading() -> None:
    assert Count().words == ""


def test_a_long_reading_says_how_far_it_is() -> None:
    count = Count()
    with count.phase("reading runs that are new", 300, "runs") as advance:
        for _ in range(120):
            advance(1)
        assert count.words == "reading runs that are new: 120 of 300 runs"
    with count.phase("looking for changes", 500, "series"):
        assert count.words == "looking for changes: 0 of 500 series"
    assert count.words == ""
