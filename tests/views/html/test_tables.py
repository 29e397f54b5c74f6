"""Long tables are read, not scrolled; pages stay small; labels in a picture do not cover each other."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.synthetic_points import synthetic_points
from lab.analysis.boards.board import Board
from lab.analysis.boards.build import build_board
from lab.analysis.boards.cell_text import STATUSES
from lab.analysis.points.build import points_of
from lab.analysis.points.table import Points
from lab.formats.dashboard import BaselineSpec, load_dashboard
from lab.formats.verdicts import VERDICTS
from lab.jobs.demo.world import world
from lab.views.html.page import html_page
from lab.views.html.plot import HEIGHT, LETTER, WIDTH, Mark, date_name, date_ticks, frame_of, marks_svg, value_axis
from lab.views.html.svg import ticks
from lab.views.html.table import GROUPS, group_of
from tests.analysis.boards.samples import steady
from tests.views.browser import Page


@pytest.fixture(scope="module")
def long() -> Points:
    """3000 sessions of 48 lines."""
    return synthetic_points(world(3000))


def compared() -> Board:
    """Twenty targets, one of which got slower; each row has a long reason."""
    runs = [one for n in range(20) for one in steady(range(1, 5), "a", target=f"t{n:02}")]
    runs += [one for n in range(20) for one in steady(range(5, 9), "b", 8.0 if n == 7 else 10.0, target=f"t{n:02}")]
    return build_board(replace(load_dashboard("compare"), baseline=BaselineSpec("revision")), points_of(runs))


def test_of_a_long_list_what_changed_stands_first_and_the_rest_is_folded(tmp_path: Path, page: Page) -> None:
    board = compared()
    path = tmp_path / "compare.html"
    path.write_text(html_page(board), encoding="utf-8")
    page.open(path.as_uri())
    names = (
        "JSON.stringify([...new Set([...document.querySelectorAll('#board tbody tr')].map(r => r.cells[0].innerText))])"
    )
    assert page.run(names) == '["t07"]'
    assert page.run("document.documentElement.scrollHeight") < 2000
    assert page.run("document.querySelectorAll('tbody tr').length") == len(board.rows)
    folded = "[...document.querySelectorAll('details.group')].every(one => !one.open)"
    assert page.run(folded)
    page.run("document.querySelector('.chip[data-word=same]').click()")
    assert page.run("document.querySelector('details.group[open] tbody tr:not([hidden])') !== null")


def test_a_reason_takes_one_line_until_it_is_opened(tmp_path: Path, page: Page) -> None:
    path = tmp_path / "compare.html"
    path.write_text(html_page(compared()), encoding="utf-8")
    for width in (390, 1300):
        page.open(path.as_uri(), width=width)
        height = "document.querySelector('#board .why').closest('tr').cells[8].getBoundingClientRect().height"
        why = "document.querySelector('#board .why summary').getBoundingClientRect()"
        one = page.run(f"{why}.height")
        assert one < 30
        page.run("document.querySelector('#board .why').open = true")
        assert page.run(f"{why}.height") >= one
        assert page.run(height) > 0


def test_at_1300_px_a_reason_is_in_sight(tmp_path: Path, page: Page) -> None:
    path = tmp_path / "compare.html"
    path.write_text(html_page(compared()), encoding="utf-8")
    page.open(path.as_uri(), width=1300)
    assert page.run("document.querySelector('#board .why').getBoundingClientRect().right") <= 1300


def test_every_verdict_and_status_has_a_group() -> None:
    assert {group_of(word) for word in (*VERDICTS, *STATUSES, "")} == set(GROUPS)
    assert group_of("unproven") == "inconclusive"
    assert {group_of(word) for word, row in VERDICTS.items() if row.alarm} == {"changed"}
    assert group_of("same") == group_of("") == "unchanged"


@pytest.mark.parametrize("name", ["device", "compare", "overview"])
def test_a_page_of_3000_runs_is_small(long: Points, name: str) -> None:
    page = html_page(build_board(load_dashboard(name), long))
    assert len(page.encode("utf-8")) < 1_500_000
    assert page.count("<tr ") >= 16


def test_one_is_said_as_one_and_bars_are_no_histories() -> None:
    page = html_page(build_board(load_dashboard("engines"), points_of(steady([1], "a"))))
    assert "1 run," in page
    assert "<h2>Newest values</h2>" in page
    assert "<h2>Histories</h2>" not in page


@given(st.lists(st.tuples(st.floats(60, 460), st.text("abc %.", max_size=30)), max_size=12))
def test_labels_do_not_cover_each_other(marks: list[tuple[float, str]]) -> None:
    drawn = marks_svg(Mark("change", x, label) for x, label in marks)
    found = re.findall(r'<text class="change" x="(-?\d+)" y="(\d+)">([^<]*)</text>', drawn)
    boxes = [(float(x), float(x) + len(label) * LETTER, y) for x, y, label in found]
    for place, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[place + 1 :]:
            assert y != other_y or right <= other_left + 1 or other_right <= left + 1
    assert drawn.count("<line") == len(marks)


@given(st.floats(1e-9, 1e12), st.floats(1.0, 1e6))
def test_all_that_is_measured_lies_in_the_frame(low: float, times: float) -> None:
    frame = frame_of([0.0, 86_400.0], [low, low * times])
    assert 0 < frame.y(low * times) <= frame.y(low) < HEIGHT
    assert 0 < frame.x(0) < frame.x(86_400.0) < WIDTH
    axis = value_axis(frame, lambda value: f"{value:.1f} tok/s")
    assert 1 <= axis.count("<line") <= 12


@given(st.floats(0, 4e9), st.floats(0, 4e8))
def test_dates_are_few_and_within(start: float, span: float) -> None:
    found = date_ticks(start, start + span)
    assert 1 <= len(found) <= 12 or span > 86_400 * 40
    assert len(found) <= 12
    assert all(start <= at <= start + span for at in found) or len(found) == 1


def test_the_first_date_has_its_year_and_an_hour_its_day() -> None:
    when = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
    assert date_name(when, 0) == "2026-01-01 02:00"
    assert date_name(when, 2026) == "02:00"
    assert date_name(when.replace(hour=0), 2026) == "01-01"
    assert date_name(when.replace(hour=0), 2025) == "2026-01-01"


def test_small_differences_of_bytes_are_told_apart() -> None:
    frame = frame_of([0, 1], [2.19 * 2**30, 2.21 * 2**30])
    labels = re.findall(
        r'text-anchor="end">([^<]+)</text>', value_axis(frame, lambda value: f"{value / 2**30:.1f} GiB")
    )
    assert labels[0] == "GiB"
    assert len(set(labels)) == len(labels) >= 3


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
@example(36.0, 8.0)
@example(450.0, 95.0)
def test_an_axis_has_two_numbers_at_least(low: float, span: float) -> None:
    """One alone gives no scale."""
    high = low + span
    found = ticks(low, high)
    assert 2 <= len(found) <= 11 or not high > low
    assert all(low - span * 1e-6 <= one <= high + span * 1e-6 for one in found)
