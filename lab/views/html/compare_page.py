"""The page of `lab compare`: a table with a column a value, and the values of each row as sorted bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.analysis.boards.cell_text import plain_word, role_of
from lab.analysis.compare.axis import Table
from lab.analysis.compare.rows import Row
from lab.analysis.judging.sentences import sentence
from lab.analysis.judging.verdict import Verdict
from lab.core.units import counted
from lab.formats.metrics import NOT_MEASURED, format_value, metric
from lab.views.compare.layout import NAMES, UNRANKED, fact, has_numbers
from lab.views.compare.page import answer_lines, facts_in_common, legend_lines, note_lines, reason_lines
from lab.views.compare.plot import by_rank
from lab.views.html.escape import text
from lab.views.html.legend import legend_html
from lab.views.html.links import NO_LINKS
from lab.views.html.scrolled import scrolled
from lab.views.html.sheet import Sheet
from lab.views.html.shell import document

MOST = 120  # rows that have bars


def compare_html(found: Table) -> str:
    """Return the whole page, without what a device said: pages are sent to others."""
    common, varying = facts_in_common(found)
    rows = [row for row in found.rows if has_numbers(row)]
    body = [_header(found, common), _list(answer_lines(found, varying), ""), _table(found, rows, varying)]
    body += [_list(reason_lines(found, varying, inside=False), "caution"), _list(note_lines(found), "faint")]
    body += [_list(legend_lines(found, None, plot=False), "faint"), _bars(found, rows, varying), legend_html()]
    return document(f"compare: {found.axis}", body, Sheet(NO_LINKS))


def _header(found: Table, common: dict[str, str]) -> str:
    same = ", ".join(f"{name} {value}" for name, value in common.items())
    shown = f'<p class="faint">All: {text(same)}</p>' if same else ""
    values = ", ".join(found.values)
    return f'<header><p class="brand">lab · compare {text(found.axis)}</p><h1>{text(values)}</h1>{shown}</header>'


def _list(lines: Iterable[str], role: str) -> str:
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="{role}">{items}</ul>' if items else ""


def _table(found: Table, rows: Sequence[Row], varying: Sequence[str]) -> str:
    if not rows:
        return ""
    names = ", ".join(["Metric", *(NAMES[name].lower() for name in varying)])
    values = "".join(
        f'<th scope="col" class="number">{text(value)}<br>{counted(len(found.runs[value]), "run")}</th>'
        for value in found.values
    )
    lines = "".join(_row(found, row, varying) for row in rows)
    return scrolled(f'<th scope="col">{names}</th>{values}', lines, "Comparison")


def _row(found: Table, row: Row, varying: Sequence[str]) -> str:
    names = " ".join(filter(None, (fact(row, name) for name in varying)))
    where = f'<div class="note">{text(names)}</div>' if names else ""
    cells = "".join(f'<td class="number">{_cell(found, row, value)}</td>' for value in found.values)
    return f'<tr><th scope="row">{text(metric(row.cell.metric).title)}{where}</th>{cells}</tr>'


def _cell(found: Table, row: Row, value: str) -> str:
    """The number, and below it ratio and verdict, which open into why."""
    own, verdict = row.measured.get(value), row.verdicts.get(value)
    number = own.value if own is not None else row.a if value == found.reference else None
    if number is None:
        absent = verdict or row.absent.get(value)
        return NOT_MEASURED if absent is None else _word(absent)
    is_best = row.best == value and found.axis not in UNRANKED
    shown = text(format_value(row.cell.metric, number))
    best = f"<b>{shown}</b> <span class=good>best</span>" if is_best else shown
    return best if verdict is None else f"{best}{_judged(verdict)}"


def _judged(verdict: Verdict) -> str:
    ratio = "" if verdict.ratio is None else f"{verdict.ratio:.2f} "
    shown = f'<summary class="word {role_of(verdict.word)}">{ratio}{text(plain_word(verdict.word))}</summary>'
    return f"<details>{shown}<p>{text(sentence(verdict))}</p></details>"


def _word(verdict: Verdict) -> str:
    return f'<span class="word {role_of(verdict.word)}">{text(plain_word(verdict.word))}</span>'


def _bars(found: Table, rows: Sequence[Row], varying: Sequence[str]) -> str:
    figures = "".join(_figure(found, row, varying) for row in rows[:MOST])
    more = f"<p class=faint>{counted(len(rows) - MOST, 'more row')} without bars.</p>" if len(rows) > MOST else ""
    return f'<section><h2>Side by side</h2><div class="grid">{figures}</div>{more}</section>' if rows else ""


def _figure(found: Table, row: Row, varying: Sequence[str]) -> str:
    better = "longer" if metric(row.cell.metric).better == "higher" else "shorter"
    where = " ".join([*(fact(row, name) for name in varying), metric(row.cell.metric).title])
    numbers = [one for own in row.measured.values() for one in (own.value, *(own.interval or ()))]
    most = max(numbers, default=0.0) or 1.0
    lines = "".join(_bar(row, value, most) for value in by_rank(found, row))
    return (
        f"<figure><figcaption>{text(where)} <span class=faint>{better} is better</span></figcaption>"
        f'<table class="bars">{lines}</table></figure>'
    )


def _bar(row: Row, value: str, most: float) -> str:
    own = row.measured.get(value)
    if own is None:
        absent = row.verdicts.get(value) or row.absent.get(value)
        word = NOT_MEASURED if absent is None else _word(absent)
        return f'<tr><th scope="row">{text(value)}</th><td class="number">{word}</td><td class="bar"></td></tr>'
    low, high = (end / most * 100 for end in own.interval or (0.0, 0.0))
    whisker = f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="4" y2="4"/>' if own.interval else ""
    return (
        f'<tr><th scope="row">{text(value)}</th>'
        f'<td class="number">{text(format_value(row.cell.metric, own.value))}</td>'
        f'<td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{max(own.value, 0) / most * 100:.1f}" height="8"/>{whisker}</svg></td></tr>'
    )
