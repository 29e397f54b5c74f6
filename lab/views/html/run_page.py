"""The page of one run: what was measured, its samples in pictures, and under which circumstances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.analysis.boards.cell_text import plain_word
from lab.analysis.boards.detail import CellDetail, Trace, differences, run_details, samples_in
from lab.analysis.boards.position import Position
from lab.analysis.run.stats import Stat
from lab.analysis.run.summary import CellSummary, summarise
from lab.core.units import counted, human_bytes, human_seconds
from lab.formats.metrics import METRICS, NOT_MEASURED, format_value
from lab.formats.run_record import RunRecord
from lab.formats.test import Test
from lab.store.liveness import as_it_stands
from lab.views.html.escape import text
from lab.views.html.legend import legend_html
from lab.views.html.links import NO_LINKS, Links
from lab.views.html.pictures import gaps_svg, lines_svg, samples_svg
from lab.views.html.scrolled import scrolled
from lab.views.html.sheet import Sheet
from lab.views.html.shell import document
from lab.views.runs.environment import environment
from lab.views.runs.facts import checked, peak_words, roof_words, time_spent
from lab.views.runs.run_table import run_ended
from lab.views.runs.warnings import of_cells, of_run

SAMPLED = ("decode_tok_per_s", "prefill_tok_per_s")
SUMMED = ("prefill_tok_per_s", "decode_tok_per_s", "ttft_s", "load_s")
JUDGED = ("judgements_per_s", "judgement_s")  # where texts were judged
GAPS = ("p50", "p90", "p99")
DIFFERENCES = 60


def run_html(
    record: RunRecord, baseline: RunRecord | None = None, links: Links = NO_LINKS, nav: str = "", series: str = ""
) -> str:
    """Return the whole page; `baseline` is what its circumstances are compared with, `series` links to where it is in.

    `series` and `nav` are HTML already.
    """
    stands = as_it_stands(record)
    summaries, details = summarise(stands), run_details(stands, baseline)
    body = [_header(stands, links, series), _warnings(stands, summaries), _table(summaries)]
    body += [_cell(stands, detail, baseline) for detail in details]
    body += [_environment(stands), _differences(baseline, stands, links), legend_html()]
    return document(f"run {record.run_id}", body, Sheet(links), nav)


def gone_html(run_id: str, nav: str) -> str:
    """Return the page of a run that was there when others were read, and is not any more."""
    body = [f"<header><h1>run {text(run_id)}</h1></header><p>It can no longer be read: see `lab store check`.</p>"]
    return document(f"run {run_id}", body, Sheet(NO_LINKS), nav)


def _header(record: RunRecord, links: Links, series: str) -> str:
    commit = record.revision.commit if record.revision else record.lab.git_commit or ""
    dirty = bool(record.revision.dirty) if record.revision else bool(record.lab.git_dirty)
    ending = run_ended(record).plain
    status = ending + (f": {record.reason}" if record.reason else "")
    revision = f", commit {links.commit(commit)}{' with uncommitted changes' if dirty else ''}" if commit else ""
    engine = f"{record.model.label} on {record.target.name} in {record.engine.name}"
    tags = f"; tags {', '.join(record.tags)}" if record.tags else ""
    return (
        f'<header><p class="brand">lab · run {text(record.run_id)}</p><h1>{text(engine)}</h1>'
        f'<p><span class="{"good" if ending == "ok" else "bad"}">{text(status)}</span>'
        f"{text(f', {record.created_at}')}{revision}{text(tags)}</p>{series}</header>"
    )


def _warnings(record: RunRecord, summaries: Sequence[CellSummary]) -> str:
    found = [*of_run(record), *of_cells(record, summaries)]
    items = "".join(f'<li>{text(what)}. <span class="faint">{text(advice)}</span></li>' for what, advice in found)
    return f'<section><h2>Warnings</h2><ul class="caution">{items}</ul></section>' if found else ""


def _table(summaries: Sequence[CellSummary]) -> str:
    """Each test with its medians."""
    judged = JUDGED if any("judgement_s" in cell.metrics for cell in summaries) else ()
    titles = (
        [METRICS[name].title for name in (*judged, *SUMMED)]
        + [f"ITL {name}" for name in GAPS]
        + ["Peak memory", "Of roof"]
    )
    heads = "".join(f'<th scope="col">{text(title)}</th>' for title in ("Test", "Status", "n", *titles))
    rows = "".join(_row(cell, judged) for cell in summaries)
    legend = "<p class=faint>Median ± standard deviation of n repetitions.</p>"
    return f"<h2>Results</h2>{scrolled(heads, rows, 'Results')}{legend}"


def _row(cell: CellSummary, judged: tuple[str, ...]) -> str:
    status = plain_word(cell.status) + (f": {cell.reason}" if cell.reason else "")
    count = f"{cell.finished} of {cell.planned}" if cell.planned not in (None, cell.finished) else str(cell.finished)
    gaps = (cell.itl.p50_s, cell.itl.p90_s, cell.itl.p99_s)
    values = [_stat(name, cell.metrics.get(name)) for name in (*judged, *SUMMED)]
    values += [format_value("itl_s", gap) for gap in gaps]
    values += [format_value("rss_peak_bytes", cell.rss_peak_bytes), format_value("roof_fraction", cell.roof_fraction)]
    return (
        f'<tr><th scope="row">{text(cell.label)}</th><td class="{"" if cell.status == "ok" else "bad"}">{text(status)}'
        f"</td><td>{count}</td>{''.join(f'<td class=number>{text(value)}</td>' for value in values)}</tr>"
    )


def _stat(name: str, stat: Stat | None) -> str:
    if stat is None:
        return NOT_MEASURED
    middle = format_value(name, stat.median)
    if stat.sd is None:
        return middle
    sd, (number, _, unit) = format_value(name, stat.sd), middle.partition(" ")
    return f"{number} ± {sd}" if sd.endswith(f" {unit}") else f"{middle} ± {sd}"


def _cell(record: RunRecord, detail: CellDetail, baseline: RunRecord | None) -> str:
    figures = "".join(
        f"<figure><figcaption>{title}</figcaption>{body}</figure>"
        for title, body in _figures(record, detail, baseline)
        if body
    )
    reason = f"<p class=bad>{text(detail.reason)}</p>" if detail.reason else ""
    label = text(Test.of(detail.key).label)
    return f'<section><h2>{label}</h2>{reason}<div class="grid">{figures}</div></section>'


def _figures(record: RunRecord, detail: CellDetail, baseline: RunRecord | None) -> Iterator[tuple[str, str]]:
    for name in SAMPLED:
        key = replace(detail.key, metric=name)
        before = samples_in(baseline, key) if baseline else ()
        found = detail.samples if name == detail.key.metric else samples_in(record, key)
        yield f"{METRICS[name].title}, by order of repetition", samples_svg(name, found, before)
    if detail.itl is not None:
        yield "Inter-token latency: how many gaps", gaps_svg(detail.itl)
    if len(detail.gaps_s) > 1:
        line = (range(len(detail.gaps_s)), detail.gaps_s)
        yield "Inter-token latency, token by token", lines_svg([line], "latency", human_seconds, "{:.0f}".format)
    if len(detail.memory) > 1:
        times, sizes = zip(*detail.memory, strict=True)
        counter = text(detail.memory_counter or "resident")
        yield f"Memory over time, {counter}", lines_svg([(times, sizes)], "memory", human_bytes)
    yield from _traces(detail.traces)
    yield "Roofline", _roofline(detail.positions) if detail.positions else ""


def _traces(traces: Sequence[Trace]) -> Iterator[tuple[str, str]]:
    """Clock and temperature over the repetitions; what never changed is a sentence."""
    for title, column, unit in (("Clock", "clock_mhz", "MHz"), ("Temperature", "die_temp_c", "°C")):
        lines = [_known(one.t_s, getattr(one, column)) for one in traces]
        lines = [line for line in lines if line[0]]
        values = {value for _, ys in lines for value in ys}
        if len(values) == 1:
            yield title, f"<p>{values.pop():.0f} {unit} throughout</p>"
        elif values:
            shown = lines_svg(lines, title.lower(), lambda value, unit=unit: f"{value:.0f} {unit}")  # type: ignore[misc]
            yield f"{title} over time, a line each repetition", shown


def _known(times: Sequence[float], values: Sequence[float | None]) -> tuple[list[float], list[float]]:
    pairs = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    return [at for at, _ in pairs], [value for _, value in pairs]


def _roofline(positions: Sequence[Position]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{one.phase}</th>'
        f'<td class="number">{format_value("achieved_bytes_per_s", one.bytes_per_s)}</td>'
        f'<td class="number">{format_value("decode_ops_per_s", one.ops_per_s)}</td>'
        f'<td class="number">{format_value("roof_fraction", one.fraction)} of roof</td>'
        f'<td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{min(max(one.fraction or 0.0, 0.0), 1.0) * 100:.1f}" height="8"/></svg></td></tr>'
        for one in positions
    )
    return f'<table class="bars">{rows}</table>'


def _environment(record: RunRecord) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td class="any">{text(what)}</td></tr>' for name, what in _facts(record)
    )
    return f"<section><h2>Environment</h2>{scrolled('', rows, 'Environment')}</section>"


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield from environment(record)
    yield "Correctness", checked(record)
    yield "Bandwidth", roof_words(record)
    yield "Peak", peak_words(record)
    yield "Time", time_spent(record).removeprefix("Time: ")


def _differences(baseline: RunRecord | None, record: RunRecord, links: Links) -> str:
    """What was otherwise in the run before it."""
    if baseline is None:
        return ""
    title = f"<h2>What differs from run {links.run(baseline.run_id)}, the one before it</h2>"
    found = differences(baseline, record)
    if not found:
        return f"<section>{title}<p>Nothing: device, engine, build and settings are the same.</p></section>"
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("What", "Before", "In this run"))
    rows = "".join(
        f'<tr><th scope="row" class="any">{text(one.what)}</th><td class="any">{text(one.baseline)}</td>'
        f'<td class="any">{text(one.here)}</td></tr>'
        for one in found[:DIFFERENCES]
    )
    more = f"<p class=faint>{counted(len(found) - DIFFERENCES, 'more difference')}</p>" * (len(found) > DIFFERENCES)
    return f"<section>{title}{scrolled(heads, rows, 'Differences')}{more}</section>"
