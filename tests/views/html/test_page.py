"""The page of `lab dash --html`: harmless, whole, and at work in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.boards.board import Board, Change
from lab.analysis.boards.build import build_board
from lab.analysis.points.build import points_of
from lab.formats.dashboard import BaselineSpec, load_dashboard
from lab.store import BadRun
from lab.views.html.charts import POINTS, thinner
from lab.views.html.page import html_page
from tests.analysis.boards.samples import failed, session, steady
from tests.views.browser import Page

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\x00\u202e&\"'"


def board(name: str = "device") -> Board:
    """Two targets with histories, one change of level, one failed run, and an engine of a hostile name."""
    runs = [*steady(range(1, 6), "a"), *steady(range(6, 11), "b", 8.0), *steady(range(1, 4), "a", target="pixel8")]
    hostile = replace(session(12), engine=replace(session(12).engine, name=EVIL + "x" * 3000))
    runs += [hostile, session(13, target="pixel9", cells=failed(EVIL))]
    points = points_of(runs)
    key = next(one for one in points.keys if one.cell.metric == "decode_tok_per_s" and one.cell.target == "local")
    change = Change(key=key, word="slower", ratio=0.8, run_id=runs[5].run_id, created_s=0, commits=EVIL)
    spec = replace(load_dashboard(name), baseline=BaselineSpec("revision"))
    return build_board(spec, points, [change])


def test_what_records_say_stays_text() -> None:
    page = html_page(board(), [BadRun(Path("profiles/x.json"), EVIL)])
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "onerror=alert" in page  # as text, behind &lt;
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "x" * 1000 not in page
    assert re.search(r"default-src &#x27;none&#x27;|default-src 'none'", page)
    assert not re.search(r'(src|href)="(?!data:,)', page)


def test_the_data_of_the_script_is_json_that_cannot_end_its_block() -> None:
    found = re.search(r'id="data">(.*?)</script>', html_page(board()), re.DOTALL)
    assert found
    assert "<" not in found[1]
    document = json.loads(found[1])
    assert {"runs", "charts"} == set(document)
    assert any(point[4:] == ["slower"] for chart in document["charts"] for line in chart for point in line)


def test_words_and_reasons_are_there_without_the_script() -> None:
    page = re.sub(r"<script.*?</script>", "", html_page(board()), flags=re.DOTALL)
    for said in ("slower", "10.0 tok/s", "pixel8", "sessions", "<polyline"):
        assert said in page
    assert "lab run --target local" in html_page(build_board(load_dashboard("overview"), points_of([])))


def test_thinning_loses_no_outlier() -> None:
    chart = next(chart for chart in board().charts if chart.series[0].points)
    point = replace(chart.series[0].points[0], changed="", seam="")
    usual = [replace(point, at_s=point.at_s + at, value=10.0) for at in range(401)]
    for place, value in ((137, 99.0), (302, 0.5)):
        points = (*usual[:place], replace(usual[place], value=value), *usual[place + 1 :])
        line = replace(chart.series[0], points=points, total=len(points))
        (drawn,) = thinner([replace(chart, series=(line,) * 200)])
        assert len(drawn.series[0].points) < 200
        assert value in {one.value for one in drawn.series[0].points}


def test_a_long_history_is_thinned_and_says_so() -> None:
    (chart,) = [one for one in board().charts if one.title == "Decode: local"]
    line = chart.series[0]
    many = replace(line, points=tuple(replace(line.points[0], at_s=at) for at in range(3000)), total=9000)
    drawn = thinner([replace(chart, series=(many,) * 40)])
    assert sum(len(one.points) for one in drawn[0].series) <= POINTS + 2 * 40
    assert drawn[0].series[0].points[-1] == many.points[-1]
    page = html_page(replace(board(), charts=(replace(chart, series=(many,) * 40),)))
    assert re.search(r"\d+ of 360000 sessions drawn", page)
    assert len(page) < 2_000_000


@pytest.fixture
def written(tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    path.write_text(html_page(board(), [BadRun(Path("profiles/x.json"), EVIL)]), encoding="utf-8")
    return path.as_uri()


ROWS = (
    "[...document.querySelectorAll('#board tbody tr')].filter(row => !row.hidden).map(row => row.cells[0].textContent)"
)


POINT_AT = """
    const picture = document.querySelector('figure.history > svg'), box = picture.getBoundingClientRect();
    const at = {clientX: box.right - 20, clientY: box.top + box.height / 2};
    picture.dispatchEvent(new PointerEvent('pointermove', at));
"""


def test_in_a_browser_it_works_and_asks_for_nothing(written: str, page: Page) -> None:
    page.open(written)
    assert page.run("document.querySelectorAll('figure.history').length") >= 2
    everything = page.run(ROWS)
    assert {"local", "pixel8", "pixel9"} == set(everything)

    page.run("(f => { f.value = 'PIXEL8'; f.dispatchEvent(new Event('input')) })(document.getElementById('filter'))")
    assert set(page.run(ROWS)) == {"pixel8"}
    assert page.run("document.getElementById('shown').textContent") == f"1 of {len(everything)} rows"
    page.run("(f => { f.value = ''; f.dispatchEvent(new Event('input')) })(document.getElementById('filter'))")

    page.run("document.querySelector('.chip[data-word=slower]').click()")
    assert set(page.run(ROWS)) == {"local"}
    page.run("document.querySelector('.chip[data-word=slower]').click()")
    assert page.run(ROWS) == everything

    page.run("document.querySelector('#board thead button').click()")
    assert page.run(ROWS) == sorted(everything)
    page.run("document.querySelector('#board thead button').click()")
    assert page.run(ROWS) == sorted(everything, reverse=True)
    decode = "[...document.querySelectorAll('#board tbody tr')].map(row => Number(row.cells[5].dataset.sort || NaN))"
    page.run("document.querySelectorAll('#board thead button')[5].click()")
    numbers = [number for number in page.run(decode) if number is not None]
    assert numbers == sorted(numbers)

    page.run("document.querySelector('.legend button').click()")
    assert page.run("document.querySelectorAll('.series.off').length") == 1
    page.run("document.querySelector('.legend button').click()")
    page.run(POINT_AT)
    tip = page.run("document.querySelector('.tip.on').innerText")
    assert "tok/s" in tip
    assert "run 202611" in tip
    assert "commit " in tip
    assert page.run("document.querySelectorAll('line.change').length") >= 1
    assert (page.said, page.requests) == ([], [written])


def test_a_word_keeps_its_own_rows_and_none_of_a_word_that_it_is_a_part_of(tmp_path: Path, page: Page) -> None:
    found = board()
    words = ["run", "not run", "rerun"]
    rows = [
        replace(row, cells=tuple(replace(cell, word=word) for cell in row.cells), names=(word, *row.names[1:]))
        for row, word in zip(found.rows, words, strict=False)
    ]
    path = tmp_path / "words.html"
    path.write_text(html_page(replace(found, rows=tuple(rows), counts=dict.fromkeys(words, 1))), encoding="utf-8")
    page.open(path.as_uri())
    for word in words:
        page.run(f"document.querySelector('.chip[data-word=\"{word}\"]').click()")
        assert page.run(ROWS) == [word]
        page.run(f"document.querySelector('.chip[data-word=\"{word}\"]').click()")


def test_it_is_readable_in_dark_and_narrow(written: str, page: Page) -> None:
    page.open(written, dark=True, width=390)
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert (page.said, page.requests) == ([], [written])


def test_siblings_and_seams_are_on_the_page_by_name() -> None:
    other = {**session(1).engine.__dict__, "threads": 1}
    runs = [*steady(range(1, 5), "a"), *steady(range(5, 9), "b", engine=other)]
    gpu = {**session(1).engine.__dict__, "effective": "opencl GPU"}
    beside = [one for of in ({}, {"engine": gpu}) for one in steady(range(1, 9), "a", 20.0, target="pixel8", **of)]
    beside = [replace(one, run_id=f"{one.run_id[:-4]}{place:04x}") for place, one in enumerate(beside)]
    page = html_page(build_board(load_dashboard("overview"), points_of([*runs, *beside])))
    assert ">Conditions</button>" in page
    assert "opencl GPU" in page
    assert "conditions changed with run 20261105" in page
    assert "threads 2 -&gt; 1" in page
    assert '<text class="seam ' in page
    assert "also here: Prefill, TTFT, Peak memory" in page


def test_histories_without_a_line_are_named() -> None:
    runs = [session(day, model=f"m{number:02}-q4") for number in range(12) for day in (1, 2)]
    page = html_page(build_board(load_dashboard("overview"), points_of(runs)))
    assert "4 more histories left out: m08-q4, m09-q4, m10-q4, m11-q4" in page
