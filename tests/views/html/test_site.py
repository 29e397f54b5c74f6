"""A site of pages from a small store, in a real browser: what a person sees on a desk, on a phone, on paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.analysis.pages.site import Site, stored_site
from lab.analysis.points.load import load_points
from lab.core.home import using_home
from lab.jobs.site_folder import publish
from lab.views.html.site import site_pages
from tests.analysis.boards.samples import failed, session, steady
from tests.views.browser import Page

EVIL = "</script><img src=x onerror=alert(2)>\"'"
PAGES = ("index.html", "boards/compare.html", "boards/regressions.html")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loss of 20 % on one of two targets, one session that failed, and an engine of a hostile name."""
    folder = tmp_path_factory.mktemp("home")
    runs = [*steady(range(1, 13), "a"), *steady(range(13, 25), "b", 8.0), *steady(range(1, 9), "a", target="pixel8")]
    runs.append(session(25, commit="b", cells=failed(EVIL)))
    hostile = session(26, target="pixel9")
    runs.append(replace(hostile, engine=replace(hostile.engine, name=EVIL), run_id="20261126-210000-0000ee"))
    with using_home(folder):
        for run in runs:
            store.save(run)
    return folder


@pytest.fixture(scope="module")
def made(home: Path) -> Iterator[Site]:
    """The site of the store, its commits on a site of their own."""
    with using_home(home):
        site = stored_site("overview", load_points(), run_pages=2)
        yield replace(site, commits={"b" * 40: "https://git.example.com/o/n/commit/" + "b" * 40})


@pytest.fixture(scope="module")
def site(made: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site on the disk."""
    folder = tmp_path_factory.mktemp("site")
    publish(folder, dict(site_pages(made, lambda _: None)))
    return folder


def series(site: Path) -> Path:
    """The page of the series with the loss."""
    (found,) = (site / "series").glob("local--*")
    return found


def test_every_link_leads_to_a_page_and_nothing_is_asked_of_a_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {"boards", "runs", "series"} < {path.name for path in site.iterdir()}
    assert len(list((site / "runs").iterdir())) == 7  # two of each series, and both sides of the change
    for path in pages:
        text = path.read_text("utf-8")
        assert "default-src 'none'" in text or "default-src &#x27;none&#x27;" in text
        assert text.count("<script") == 2
        assert "<img" not in text
        for address in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert address.startswith(("data:,", "https://git.example.com/")) or (path.parent / address).is_file()


@pytest.mark.parametrize("width", [390, 1300])
def test_pages_are_clean_for_screen_readers(site: Path, page: Page, axe: str, width: int) -> None:
    runs = sorted((site / "runs").iterdir())
    for path in (*(site / name for name in PAGES), series(site), runs[-1], runs[-2]):
        page.open(path.as_uri(), width=width, dark=width == 390)
        page.run(axe)
        found = page.run("axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes[0].html])))")
        assert json.loads(found) == [], path.name
        assert page.run("document.documentElement.scrollWidth") <= width
        assert (page.said, page.requests) == ([], [path.as_uri()])


def test_each_change_has_a_chart_of_its_own_with_both_levels_and_its_commits(site: Path) -> None:
    text = (site / "boards" / "regressions.html").read_text("utf-8")
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    rows = re.findall(r'<tr data-words="[^"]+"', text)
    assert len(figures) == len(rows) >= 1
    decode = next(one for one in figures if "tg128 Decode" in one)
    assert decode.count('class="level"') == 2
    assert "10.0 tok/s → 8.0 tok/s" in decode
    assert "slower by 20.0 %" in decode
    assert f'href="https://git.example.com/o/n/commit/{"b" * 40}"' in decode
    assert 'href="../series/local--' in decode


SHOWN = """JSON.stringify([...document.querySelectorAll('#board tbody tr')].map(row =>
    [row.querySelector('td.word'), row.querySelector('td.number')].map(cell => cell.getBoundingClientRect().right)))"""
TEXT_SIZE = """Math.min(...[...document.querySelectorAll('figure > svg')].map(svg =>
    parseFloat(getComputedStyle(svg.querySelector('text')).fontSize) * svg.getBoundingClientRect().width / 480))"""


def test_on_a_phone_verdict_and_size_are_in_sight_and_charts_can_be_read(site: Path, page: Page) -> None:
    page.open((site / "boards" / "regressions.html").as_uri(), width=390)
    assert all(right <= 390 for row in json.loads(page.run(SHOWN)) for right in row)
    assert page.run("getComputedStyle(document.querySelector('#board tbody th')).position") == "sticky"
    assert page.run(TEXT_SIZE) >= 10
    page.run("document.querySelector('figure.history > svg').scrollIntoView()")
    box: dict[str, Any] = page.run("document.querySelector('figure.history > svg').getBoundingClientRect().toJSON()")
    touch = [{"x": box["x"] + box["width"] * 0.8, "y": box["y"] + box["height"] / 2}]
    page.ask("Emulation.setTouchEmulationEnabled", enabled=True)
    page.ask("Input.dispatchTouchEvent", type="touchStart", touchPoints=touch)
    page.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert "tok/s" in page.run("document.querySelector('.tip.on').innerText")


def test_on_paper_nothing_is_folded_and_no_control_is_there(site: Path, page: Page) -> None:
    page.open((site / "index.html").as_uri())
    page.ask("Emulation.setEmulatedMedia", media="print")
    hidden = "getComputedStyle(document.getElementById('filter').parentNode).display"
    assert page.run(hidden) == "none"
    height = "document.querySelector('#board details p').getBoundingClientRect().height"
    assert page.run(height) > 0
    assert "@page{margin:" in (site / "index.html").read_text("utf-8")


def test_the_address_keeps_filter_order_and_row(site: Path, page: Page) -> None:
    address = (site / "boards" / "device.html").as_uri()
    page.open(address)
    page.run("(f => { f.value = 'local'; f.dispatchEvent(new Event('input')) })(document.getElementById('filter'))")
    page.run("document.querySelector('.chip').click()")
    page.run("document.querySelectorAll('#board thead button')[1].click()")
    page.run("document.querySelector('#board tbody tr:not([hidden]) td:last-child').click()")
    look = """JSON.stringify([[...document.querySelectorAll('#board tbody tr:not([hidden])')].map(r => r.textContent),
        document.querySelector('th[aria-sort]').textContent, document.querySelector('.chosen').textContent,
        document.querySelectorAll('.chip[aria-pressed=true]').length])"""
    seen, link = page.run(look), page.run("location.href")
    assert link != address
    page.open(link)
    assert page.run(look) == seen
    page.run("location.hash = ''")
    page.run("new Promise(done => setTimeout(done, 50))")
    assert page.run("document.querySelectorAll('.chip[aria-pressed=true], .chosen, tr[hidden]').length") == 0


def test_charts_show_what_the_filter_shows(site: Path, page: Page) -> None:
    page.open((site / "index.html").as_uri() + "#q=pixel8")
    shown = "JSON.stringify([...document.querySelectorAll('figure')].filter(f => !f.hidden).map(f => f.innerText))"
    charts = json.loads(page.run(shown))
    assert charts
    assert all("pixel8" in chart for chart in charts)


def test_charts_are_read_by_keyboard(site: Path, page: Page) -> None:
    page.open((site / "boards" / "regressions.html").as_uri())
    page.run("document.querySelector('figure.history > svg').focus()")
    tip = "document.querySelector('.tip.on')?.innerText"
    page.press("ArrowRight")
    first = page.run(tip)
    assert "2026-11-01 21:00 UTC" in first
    page.press("ArrowRight")
    assert "2026-11-02 21:00 UTC" in page.run(tip)
    page.press("End")
    assert "2026-11-24 21:00 UTC" in page.run(tip)
    page.press("Enter")
    page.run("new Promise(done => setTimeout(done, 200))")
    assert "/runs/20261124-" in page.run("location.href")


def test_a_run_has_its_samples_its_circumstances_and_what_differs_from_the_run_before(site: Path) -> None:
    (first,) = (site / "runs").glob("20261113-*")  # the first one of commit b
    text = first.read_text("utf-8")
    assert "by order of repetition" in text
    assert "Inter-token latency" in text
    assert text.count('class="dot"') == 2 * 5
    assert "What differs from run" in text
    assert "revision.commit" in text
    assert 'href="../series/local--' in text


def test_a_series_names_its_sessions_those_that_failed_too(site: Path, page: Page) -> None:
    text = series(site).read_text("utf-8")
    assert "25 sessions from 2026-11-01 to 2026-11-25" in text
    assert "failed" in text
    assert text.count('class="band"') > 2
    page.open(series(site).as_uri())
    assert page.run("document.querySelectorAll('[aria-label=Runs] tbody tr').length") == 25


def test_every_word_on_a_chip_is_explained_on_its_page(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        explained = set(re.findall(r"<dt>(.*?)</dt>", text))
        chips = set(re.findall(r'<button type="button" class="chip [^>]*><b>\d+</b> ([^<]+)</button>', text))
        assert explained, path.name
        assert chips <= explained, path.name
