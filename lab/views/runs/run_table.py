"""The table at the end of `lab run`: what a person wants to know first, and what to know to believe it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.run.gpu import is_gpu_run
from lab.analysis.run.stats import Stat
from lab.analysis.run.summary import CellSummary, summarise
from lab.core.text import clipped
from lab.core.units import counted
from lab.formats.run_record import RunRecord
from lab.views.runs.facts import COUNTED, checked, chosen, model_words, peak_words, ran_on, roof_words, time_spent
from lab.views.runs.gpu_facts import NO_ROOF, gpu_lines
from lab.views.runs.warnings import of_cells, of_run, warning_lines
from lab.views.table import FAINT, Cells, ended, left, measured, pairs, right, spaced, table, width_of
from lab.views.units import giga_ops_per_s, gigabytes_per_s, mebibytes, milliseconds, number, percent, spread

ONE_TABLE_WIDTH = 78  # below it the table of speeds is split in two
ABOVE = "above roofline"


def run_table(record: RunRecord, width: int) -> RenderableType:
    """Render the record for a terminal of `width` columns."""
    cells = summarise(record)
    tables = [*speed_tables(cells, width), *some(memory_cells(cells)), *some(roof_cells(cells))]
    warned = of_cells(record, cells)
    facts = [pairs(_facts(record, cells)), *([warning_lines(warned)] if warned else []), *time_lines(record)]
    return spaced([heading(record), *tables, Group(*facts)])


def run_ended(record: RunRecord) -> Text:
    """How the run ended, and where it went to its end how many of its tests gave no numbers."""
    lost = [cell.status for cell in record.cells if cell.status != "ok"]
    return ended(record.status, lost, len(record.cells))


def heading(record: RunRecord) -> RenderableType:
    """The run by name, and what holds for all of it."""
    title = f"{model_words(record)} on {record.target.name}"
    how = run_ended(record)
    first = Text.assemble((title, "bold"), f"   run {record.run_id}   ", how)
    warned = of_run(record)
    return Group(first, *([warning_lines(warned)] if warned else []), Text(_how(record), FAINT))


def _how(record: RunRecord) -> str:
    if imported := record.imported:
        return clipped(f"Measured by {imported.tool}, by its rules; imported from {imported.file}.")
    repeats = record.plan.repeats
    times = "all repetitions" if repeats is None else counted(repeats, "repetition")
    return f"Median ± standard deviation of {times}, each a fresh process."


def number_tables(cells: Sequence[CellSummary], width: int) -> Iterator[RenderableType]:
    """Rates and memory: one table where there is room for it."""
    (columns, rows), (sizes, of_memory) = speed_cells(cells), memory_cells(cells)
    joined = [*columns, *sizes[1:]], [[*row, *more[1:]] for row, more in zip(rows, of_memory, strict=True)]
    if width_of(*joined) <= width:
        yield table(*joined)
        return
    yield from speed_tables(cells, width)
    yield from some((sizes, of_memory))


def speed_tables(cells: Sequence[CellSummary], width: int) -> Iterator[RenderableType]:
    """The rates of every test; in a narrow terminal the gaps in a table of their own."""
    columns, rows = speed_cells(cells)
    gaps = [place for place, column in enumerate(columns) if "ms" in str(column.header)]
    if width >= ONE_TABLE_WIDTH or not gaps:
        yield table(columns, rows)
        return
    for places in ([place for place in range(len(columns)) if place not in gaps], [0, *gaps]):
        names = [left("Test"), *(columns[place] for place in places[1:])]
        yield table(names, [[row[place] for place in places] for row in rows])


def speed_cells(cells: Sequence[CellSummary]) -> Cells:
    """Columns and rows of the rates; nothing that was measured of no test."""
    judged = [right("Judgements\n/s"), right("Judgement\ns")]
    rates = [*judged, right("Image\ns"), right("Prefill\ntok/s"), right("Decode\ntok/s"), right("TTFT\ns")]
    gaps = [right("ITL p50\nms"), right("p90\nms"), right("p99\nms")]
    return measured(
        [left("Test", fold=False), *rates, *gaps], [[_name(cell), *_rates(cell), *_gaps(cell)] for cell in cells]
    )


def memory_cells(cells: Sequence[CellSummary]) -> Cells:
    """Columns and rows of memory."""
    counters = " ".join(dict.fromkeys(cell.rss_peak_counter for cell in cells if cell.rss_peak_counter))
    peak = right(f"Peak {counters}".strip() + "\nMiB")
    sizes = [peak, right("Weights\nMiB"), right("KV\nMiB"), right("Work\nMiB")]
    return measured([left("Test"), *sizes], [[cell.label, *_sizes(cell)] for cell in cells])


def roof_cells(cells: Sequence[CellSummary]) -> Cells:
    """Columns and rows of what was achieved, and of its part of the roofline."""
    prefill = [right("Prefill\nGOP/s"), right("of\nroof")]
    decode = [right("Decode\nGB/s"), right("\nGOP/s"), right("of\nroof")]
    return measured([left("Test"), *prefill, *decode], [[marked(cell), *_achieved(cell)] for cell in cells])


def some(found: Cells) -> list[RenderableType]:
    """The table, where there is more than the names of the tests in it."""
    columns, rows = found
    return [table(columns, rows)] if len(columns) > 1 else []


def _sizes(cell: CellSummary) -> list[str]:
    sizes = (cell.rss_peak_bytes, cell.weights_bytes, cell.kv_bytes, cell.workspace_bytes)
    return [mebibytes(size) for size in sizes]


def _achieved(cell: CellSummary) -> list[str]:
    prefill = [giga_ops_per_s(cell.prefill_ops_per_s), percent(cell.prefill_roof_fraction)]
    decode = [gigabytes_per_s(cell.achieved_bytes_per_s), giga_ops_per_s(cell.decode_ops_per_s)]
    return [*prefill, *decode, percent(cell.roof_fraction)]


def marked(cell: CellSummary) -> str:
    """The test, with a mark where a rate of it cannot be."""
    mark = {"impossible": ABOVE}.get(cell.mark, cell.mark)
    return f"{cell.label} ({mark})" if mark else cell.label


def _name(cell: CellSummary) -> str:
    return cell.label if cell.status == "ok" else f"{cell.label} ({cell.status.replace('_', ' ')})"


def _rates(cell: CellSummary) -> list[str]:
    judged, latency = (cell.metrics.get(name) for name in ("judgements_per_s", "judgement_s"))
    pairs_of = (_middle(cell.metrics.get(name)) for name in ("prefill_tok_per_s", "decode_tok_per_s"))
    judgement = [spread(*_middle(judged)), _median(latency)]
    image, ttft = (_median(cell.metrics.get(name)) for name in ("image_s", "ttft_s"))
    return [*judgement, image, *(spread(*pair) for pair in pairs_of), ttft]


def _median(stat: Stat | None) -> str:
    return number(stat.median if stat else None)


def _middle(stat: Stat | None) -> tuple[float | None, float | None]:
    return (stat.median, stat.sd) if stat else (None, None)


def _gaps(cell: CellSummary) -> list[str]:
    return [milliseconds(value) for value in (cell.itl.p50_s, cell.itl.p90_s, cell.itl.p99_s)]


def _facts(record: RunRecord, cells: Sequence[CellSummary]) -> Iterator[tuple[str, str]]:
    yield "Ran on", ran_on(record)
    yield from evidence(record)
    if len(roof_cells(cells)[0]) > 1:
        yield "Achieved", COUNTED
    yield from gpu_lines(record)
    yield from roof_lines(record)


def evidence(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Whether it computes the right thing, and what lab chose; another program's results say nothing of either."""
    if not record.imported:
        yield "Correctness", checked(record)
    if adapter := record.weights.adapter:
        yield "Adapter", clipped(f"{adapter.name}, merged into the weights")
    if text := chosen(record):
        yield "Chosen", text


def roof_lines(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What the device was measured to be able to do."""
    if is_gpu_run(record):
        yield "Roofline", NO_ROOF
    elif not record.imported:
        yield "Roofline", roof_words(record)
        yield "", peak_words(record)


def time_lines(record: RunRecord) -> list[RenderableType]:
    """Where the time went, where that was recorded."""
    return [Text(time_spent(record))] if not record.imported else []
