"""The page of a comparison: every value with its verdict, sorted bars, and nothing that a device said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.compare.axis import Table, along
from lab.analysis.compare.values import Wanted
from lab.analysis.judging.judge import Policy
from lab.analysis.points.build import points_of
from lab.views.html.compare_page import compare_html
from lab.views.html.run_page import run_html
from tests.analysis.boards.samples import failed, session, steady
from tests.views.browser import Page

EVIL = "</script><img src=x onerror=alert(2)>\"'"


@pytest.fixture(scope="module")
def table() -> Table:
    """Four devices, the last of which gave no numbers and named a host."""
    speeds = {"local": 10.0, "pixel8": 12.0, "rpi5": 4.0}
    runs = [one for name, speed in speeds.items() for one in steady(range(1, 6), "a", speed, target=name)]
    runs.append(session(6, target="zhost", cells=failed(f"no route to secret.example.com {EVIL}")))
    return along(points_of(runs), "target", Wanted(), Policy())


def test_all_values_stand_beside_each_other_with_bars_from_the_best(table: Table) -> None:
    page = compare_html(table)
    assert all(f">{value}<br>" in page for value in ("local", "pixel8", "rpi5", "zhost"))
    assert "<b>12.0 tok/s</b> <span class=good>best</span>" in page
    assert "0.40 slower" in page
    figure = page[page.index("<figure><figcaption>Decode") :]
    names = [figure.index(f'<th scope="row">{value}') for value in ("pixel8", "local", "rpi5")]
    assert names == sorted(names)
    assert 'class="whisker"' in page


def test_what_a_device_said_is_not_on_it(table: Table) -> None:
    page = compare_html(table)
    assert "secret.example.com" not in page
    assert "<img" not in page


@pytest.mark.parametrize("width", [390, 1300])
def test_it_is_clean_and_fits(table: Table, page: Page, axe: str, width: int, tmp_path: Path) -> None:
    path = tmp_path / "compare.html"
    path.write_text(compare_html(table), encoding="utf-8")
    page.open(path.as_uri(), width=width)
    page.run(axe)
    found = page.run("axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes[0].html])))")
    assert json.loads(found) == []
    assert page.run("document.documentElement.scrollWidth") <= width
    assert (page.said, page.requests) == ([], [path.as_uri()])


def test_a_run_has_a_page_of_its_own_that_links_nowhere() -> None:
    here, before = session(2, 8.0, commit="b"), session(1, commit="a")
    page = run_html(here, before)
    assert "<a " not in page
    assert f"What differs from run {before.run_id}" in page
    assert "baseline median" in page
    hostile = replace(here, engine=replace(here.engine, name=EVIL), reason=EVIL)
    assert "<img" not in run_html(hostile)
    assert "killed by SIGSEGV" in run_html(session(3, cells=failed()))


def test_memory_and_clocks_over_time_are_drawn_and_a_constant_is_said_once() -> None:
    one = session(1)
    cell, repetition = one.cells[0], one.cells[0].repetitions[0]
    traced = replace(repetition, state_during={"t_s": [0.0, 1.0, 2.0], "cpu_mhz": [[2400.0], [2400.0], [2400.0]]})
    page = run_html(replace(one, cells=(replace(cell, repetitions=(traced, *cell.repetitions[1:])),)))
    assert "2400 MHz throughout" in page
    assert page.count("throughout") == 1
