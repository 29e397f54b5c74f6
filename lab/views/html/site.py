"""A site of pages: dashboards, a page a series, a page a run; each can be read alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lab.analysis.boards.lines import Line
from lab.analysis.pages.changed import change_histories
from lab.analysis.pages.site import Site
from lab.core.progress import Advance
from lab.views.html.escape import text
from lab.views.html.links import Links
from lab.views.html.page import html_page
from lab.views.html.run_page import gone_html, run_html
from lab.views.html.series_page import series_html
from lab.views.html.shell import nav_html

FIRST = "index.html"


def site_pages(site: Site, advance: Advance) -> Iterator[tuple[str, str]]:
    """Yield each page as (name, HTML); `advance` is told of each page of a run."""
    names = [FIRST, *(f"boards/{board.name}.html" for board in site.boards[1:])]
    top = _links(site, {board.name: name for board, name in zip(site.boards, names, strict=True)})
    below = replace(top, up="../")
    titles = [(board.title, name) for board, name in zip(site.boards, names, strict=True)]
    for board, name in zip(site.boards, names, strict=True):
        changes, bad = change_histories(board, site.places), site.bad if name == FIRST else ()
        links = top if name == FIRST else below
        yield name, html_page(board, bad, changes, links, _nav(titles, links, board.title))
    nav = _nav(titles, below)
    for place in site.places:
        yield top.series[place.line], series_html(place, below, nav)
    yield from _run_pages(site, below, nav, advance)


def _links(site: Site, boards: Mapping[str, str]) -> Links:
    ids = site.run_ids
    return Links(
        series={place.line: f"series/{place.slug}.html" for place in site.places},
        runs={ids[code]: f"runs/{ids[code]}.html" for code in site.runs},
        boards=boards,
        commits=site.commits,
    )


def _nav(titles: Sequence[tuple[str, str]], links: Links, here: str = "") -> str:
    return nav_html([(title, links.up + name) for title, name in titles], here)


def _run_pages(site: Site, links: Links, nav: str, advance: Advance) -> Iterator[tuple[str, str]]:
    of_run, ids = _places_of_runs(site), site.run_ids
    for code, before in site.runs.items():
        record = site.read(code)
        advance(1)
        if record is None:
            yield links.runs[ids[code]], gone_html(ids[code], nav)
            continue
        series = ", ".join(links.place(line, text(title)) for line, title in of_run[code])
        baseline = site.read(before) if before is not None else None
        yield links.runs[ids[code]], run_html(record, baseline, links, nav, f"<p>Series: {series}</p>")


def _places_of_runs(site: Site) -> dict[int, list[tuple[Line, str]]]:
    found: dict[int, list[tuple[Line, str]]] = {}
    for place in site.places:
        for code in place.status.points.run[place.status.series].tolist():
            if code in site.runs:
                found.setdefault(code, []).append((place.line, place.title))
    return found
