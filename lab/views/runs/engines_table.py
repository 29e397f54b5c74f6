"""The end of `lab run` with several engines: their numbers line by line, then the ratios, in words too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.compare.side_by_side import Ratio, SideBySide
from lab.analysis.run.summary import CellSummary
from lab.formats.metrics import NOT_MEASURED, metric
from lab.formats.run_record import RunRecord
from lab.views.runs.facts import checked, peak_words, ran_on, roof_words, time_spent
from lab.views.runs.run_table import ABOVE
from lab.views.runs.warnings import of_cells, of_run, warning_lines
from lab.views.table import FAINT, left, pairs, right, spaced, status_word, table
from lab.views.units import mebibytes, number, percent, spread

WIDE = 78  # below it the columns that matter least give way
WIDEST = 100  # from here on there is room for all


def engines_table(found: SideBySide, width: int) -> RenderableType:
    """Render a session for a terminal of `width` columns."""
    parts: list[RenderableType] = [_heading(found), _numbers(found, width)]
    if found.ratios:
        parts.append(_ratios(found, width >= WIDE))
        parts.append(Text("\n".join(f"{ratio.label}: {ratio.words}." for ratio in found.ratios)))
    time = Text(time_spent(found.records[0]))
    return spaced([*parts, Group(pairs(_facts(found)), *_notes(found), time)])


def _heading(found: SideBySide) -> RenderableType:
    first, names = found.records[0], " and ".join(record.engine.name for record in found.records)
    title = f"{first.model.label} on {first.target.name}: {names}"
    warned = list(dict.fromkeys(line for record in found.records for line in of_run(record)))
    labels = [warning_lines(warned)] if warned else []
    runs = [
        Text.assemble(f"{record.engine.name}: run {record.run_id} ", status_word(record.status))
        for record in found.records
    ]
    order = f"Median ± standard deviation of {first.plan.repeats} repetitions, in turns: A B, then B A."
    return Group(Text(title, "bold"), *runs, *labels, Text(order, FAINT))


def _numbers(found: SideBySide, width: int) -> RenderableType:
    columns = [left("Test"), left("Engine", fold=False), right("Prefill\ntok/s"), right("Decode\ntok/s")]
    rest = [right("Threads"), right("TTFT\ns"), right("Peak\nMiB"), right("Decode\nof roof")]
    rest = [*rest, right("Prefill\nof roof")] if width >= WIDEST else rest if width >= WIDE else []
    rows = [
        _row(record, cells[place])[: len(columns) + len(rest)]
        for place in range(len(found.summaries[0]))
        for record, cells in zip(found.records, found.summaries, strict=True)
    ]
    return table([*columns, *rest], rows)


def _row(record: RunRecord, cell: CellSummary) -> list[str]:
    """Every column; a narrow table takes the first of them."""
    mark = ABOVE if cell.impossible else "" if cell.status == "ok" else cell.status.replace("_", " ")
    label = f"{cell.label} ({mark})" if mark else cell.label
    rates = [cell.metrics.get(name) for name in ("prefill_tok_per_s", "decode_tok_per_s")]
    shown = [spread(rate.median, rate.sd) if rate else NOT_MEASURED for rate in rates]
    ttft = cell.metrics.get("ttft_s")
    rest = [_threads(record), number(ttft.median if ttft else None), mebibytes(cell.rss_peak_bytes)]
    fractions = (cell.roof_fraction, cell.prefill_roof_fraction)
    return [label, record.engine.name, *shown, *rest, *map(percent, fractions)]


def _threads(record: RunRecord) -> str:
    """The number of threads; two of them where prefill has its own."""
    prefill, decode = record.engine.prefill_threads, record.engine.threads
    return str(decode) if prefill in (None, decode) else f"{prefill}, then {decode}"


def _ratios(found: SideBySide, wide: bool) -> RenderableType:
    columns = [left("Test"), left("Metric", fold=False), left("Ratio of", fold=False), right("Ratio")]
    columns += [right("95 % CI")] if wide else []
    return table(columns, [_ratio(ratio, wide) for ratio in found.ratios])


def _ratio(ratio: Ratio, wide: bool) -> list[str]:
    interval = NOT_MEASURED if ratio.interval is None else "{:.3f} to {:.3f}".format(*ratio.interval)
    words = [ratio.label, metric(ratio.metric).title, f"{ratio.a} / {ratio.b}", f"{ratio.ratio:.3f}"]
    return [*words, *([interval] if wide else [])]


def _facts(found: SideBySide) -> Iterator[tuple[str, str]]:
    for record in found.records:
        yield record.engine.name, f"{ran_on(record)}; {checked(record)}"
        if tried := record.engine.threads_tried:
            prefills = [(one.threads, one.prefill_tok_per_s) for one in tried.counts]
            decodes = [(one.threads, one.decode_tok_per_s) for one in tried.counts]
            yield "", f"threads tried: prefill {_medians(prefills)}; decode {_medians(decodes)}"
    yield "Roofline", roof_words(found.records[0])
    yield "", peak_words(found.records[0])
    yield "Interval", "within-session confidence interval only, over pairs of repetitions"


def _medians(counts: Sequence[tuple[int, Sequence[float]]]) -> str:
    """The medians of a probe, in the order of its numbers of threads."""
    shown = (f"{threads}: {number(median(rates) if rates else None)}" for threads, rates in counts)
    return f"{', '.join(shown)} tok/s"


def _notes(found: SideBySide) -> Iterator[RenderableType]:
    warned = [
        (f"{record.engine.name} {text}", what_to_do)
        for record, cells in zip(found.records, found.summaries, strict=True)
        for text, what_to_do in of_cells(record, cells)
    ]
    if warned:
        yield warning_lines(warned)
