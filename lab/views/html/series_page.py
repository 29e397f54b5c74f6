"""The page of a series: each metric over time with its levels, its change points, and the runs behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.analysis.boards.cell_text import day_words, plain_word, role_of
from lab.analysis.history.regression import Regression
from lab.analysis.pages.history import MetricHistory, metric_history
from lab.analysis.pages.places import Place
from lab.analysis.points.table import STATUSES
from lab.core.units import change_size, counted
from lab.formats.metrics import METRICS, NOT_MEASURED, format_value
from lab.views.html.escape import text
from lab.views.html.history_chart import BAND_NAME, history_svg, summary
from lab.views.html.legend import legend_html
from lab.views.html.links import Links
from lab.views.html.scrolled import scrolled
from lab.views.html.sheet import Sheet
from lab.views.html.shell import document

POINTS = 500  # of one chart
LISTED = 500  # runs


def series_html(place: Place, links: Links, nav: str = "") -> str:
    """Return the whole page."""
    sheet = Sheet(links)
    histories = [_history(place, name) for name in place.metrics]
    figures = "".join(_figure(one, sheet) for one in histories)
    body = [_header(place), _changes(histories, links)]
    body.append(f'<section class="charts"><h2>History</h2><div class="grid">{figures}</div>{_key()}</section>')
    body += [_runs(place, links), legend_html()]
    return document(place.title, body, sheet, nav)


def _history(place: Place, name: str) -> MetricHistory:
    line = replace(place.line, cell=replace(place.line.cell, metric=name))
    return metric_history(line, place.metrics[name], place.changes[name], POINTS)


def _header(place: Place) -> str:
    runs, codes = place.status.points.runs, place.status.points.run[place.status.series]
    first, last = (day_words(int(runs.created_s[codes[at]]))[:10] for at in (0, -1))
    labels = ", ".join(place.status.labels)
    return (
        f'<header><p class="brand">lab · series</p><h1>{text(place.title)}</h1>'
        f'<p class="faint">{counted(len(codes), "session")} from {first} to {last}'
        f"{text(f'; {labels}') if labels else ''}.</p></header>"
    )


def _key() -> str:
    return f'<p class="faint">Line: median of the sessions at a level. Band: their {BAND_NAME}.</p>'


def _figure(history: MetricHistory, sheet: Sheet) -> str:
    title = METRICS[history.line.cell.metric].title
    better = METRICS[history.line.cell.metric].better
    number, picture = history_svg(history, title, sheet)
    return (
        f'<figure class="history" data-chart="{number}"><figcaption>{text(title)} '
        f"<span class=faint>{better} is better</span></figcaption>{picture}"
        f"<p class=faint>{text(summary(history))}</p></figure>"
    )


def _changes(histories: list[MetricHistory], links: Links) -> str:
    found = [change for history in histories for change in history.changes]
    if not found:
        return "<p>No change point in its history.</p>"
    rows = "".join(_change(one, links) for one in sorted(found, key=lambda one: (not one.open, -one.created_s)))
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Metric", "Change", "Levels", "Since", "Commits", ""))
    return f"<h2>Change points</h2>{scrolled(heads, rows, 'Change points')}"


def _change(one: Regression, links: Links) -> str:
    before, after = (format_value(one.cell.metric, value) for value in (one.before, one.after))
    old, new = one.commits
    state = "open" if one.open else "fixed since" if one.is_worse else ""
    state = f"accepted: {one.acknowledged}" if one.acknowledged is not None else state
    return (
        f'<tr><th scope="row">{METRICS[one.cell.metric].title}</th>'
        f'<td class="word {role_of(one.word)}">{text(plain_word(one.word))} by {change_size(one.ratio)}</td>'
        f"<td>{text(f'{before} → {after}')}</td><td>{one.when[:10]}<br>{links.run(one.run_id)}</td>"
        f"<td>{links.commit(old) or 'unknown'} → {links.commit(new) or 'unknown'}</td><td>{text(state)}</td></tr>"
    )


def _runs(place: Place, links: Links) -> str:
    """Every session with its values, the newest first."""
    heads = "".join(
        f'<th scope="col">{text(name)}</th>'
        for name in ("When (UTC)", "Run", "Commit", "Status", *(METRICS[name].title for name in place.metrics))
    )
    rows = list(_run_rows(place, links))
    more = f'<p class="faint">{counted(len(rows) - LISTED, "older run")} left out.</p>' if len(rows) > LISTED else ""
    return f"<h2>Runs</h2>{scrolled(heads, ''.join(rows[:LISTED]), 'Runs')}{more}"


def _run_rows(place: Place, links: Links) -> Iterator[str]:
    points = place.status.points
    values = {
        name: dict(zip(points.run[one.series].tolist(), points.value[one.series].tolist(), strict=True))
        for name, one in place.metrics.items()
    }
    for at in place.status.series[::-1].tolist():
        code = int(points.run[at])
        status = STATUSES[points.status[at]]
        reason = points.reasons[points.reason[at]] if points.reason[at] >= 0 and status != "ok" else ""
        shown = text(plain_word(status) + (f": {reason}" if reason else ""))
        cells = "".join(
            f'<td class="number">{text(_value(name, values[name].get(code)))}</td>' for name in place.metrics
        )
        yield (
            f'<tr><th scope="row">{day_words(int(points.runs.created_s[code]))}</th>'
            f"<td>{links.run(points.runs.run_id[code])}</td><td>{links.commit(points.runs.commit[code])}</td>"
            f'<td class="{"" if status == "ok" else "bad"}">{shown}</td>{cells}</tr>'
        )


def _value(name: str, value: float | None) -> str:
    return NOT_MEASURED if value is None or value != value else format_value(name, value)
