"""The table at the end of `lab run`: what a person wants to know first, and what to know to believe it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.run.flags import run_flags
from lab.analysis.run.gpu import is_gpu_run
from lab.analysis.run.stats import Stat
from lab.analysis.run.summary import CellSummary, summarise
from lab.core.text import clipped
from lab.formats.run_record import RunRecord
from lab.views.runs.facts import COUNTED, checked, chosen, model_words, peak_words, ran_on, roof_words, time_spent
from lab.views.runs.gpu_facts import NO_ROOF, gpu_lines
from lab.views.table import CAUTION, FAINT, left, pairs, right, spaced, status_word, table
from lab.views.units import giga_ops_per_s, gigabytes_per_s, mebibytes, milliseconds, number, percent, spread

ONE_TABLE_WIDTH = 78  # below it the table of speeds is split in two


def run_table(record: RunRecord, width: int) -> RenderableType:
    """Render the record for a terminal of `width` columns."""
    cells = summarise(record)
    wide = width >= ONE_TABLE_WIDTH
    facts = Group(pairs(_facts(record)), *_notes(cells), Text(time_spent(record)))
    return spaced([_heading(record), *_speed(cells, wide), _memory(cells), _roofs(cells), facts])


def _heading(record: RunRecord) -> RenderableType:
    title = f"{model_words(record)} on {record.target.name}"
    first = Text.assemble((title, "bold"), f"   run {record.run_id}   ", status_word(record.status))
    labels = [Text(f"! {clipped(flag.text)}", CAUTION) for flag in run_flags(record)]
    return Group(first, *labels, Text(_how(record), FAINT))


def _how(record: RunRecord) -> str:
    if imported := record.imported:
        return clipped(f"Measured by {imported.tool}, by its rules; imported from {imported.file}.")
    return f"Median ± sample deviation of {record.plan.repeats} repetitions, each a fresh process."


def _speed(cells: Sequence[CellSummary], wide: bool) -> Iterator[RenderableType]:
    rates = [right("Prefill\ntok/s"), right("Decode\ntok/s"), right("TTFT\ns")]
    gaps = [right("ITL p50\nms"), right("p90\nms"), right("p99\nms")]
    if wide:
        rows = [[_name(cell), *_rates(cell), *_gaps(cell)] for cell in cells]
        yield table([left("Test", fold=False), *rates, *gaps], rows)
        return
    yield table([left("Test"), *rates], [[_name(cell), *_rates(cell)] for cell in cells])
    yield table([left("Test"), *gaps], [[_name(cell), *_gaps(cell)] for cell in cells])


def _memory(cells: Sequence[CellSummary]) -> RenderableType:
    counters = " ".join(dict.fromkeys(cell.rss_peak_counter for cell in cells if cell.rss_peak_counter))
    peak = right(f"Peak {counters}".strip() + "\nMiB")
    sizes = [peak, right("Weights\nMiB"), right("KV\nMiB"), right("Work\nMiB")]
    return table([left("Test"), *sizes], [[cell.label, *_sizes(cell)] for cell in cells])


def _roofs(cells: Sequence[CellSummary]) -> RenderableType:
    prefill = [right("Prefill\nGOP/s"), right("of\nroof")]
    decode = [right("Decode\nGB/s"), right("\nGOP/s"), right("of\nroof")]
    return table([left("Test"), *prefill, *decode], [[_possible(cell), *_achieved(cell)] for cell in cells])


def _sizes(cell: CellSummary) -> list[str]:
    sizes = (cell.rss_peak_bytes, cell.weights_bytes, cell.kv_bytes, cell.workspace_bytes)
    return [mebibytes(size) for size in sizes]


def _achieved(cell: CellSummary) -> list[str]:
    prefill = [giga_ops_per_s(cell.prefill_ops_per_s), percent(cell.prefill_roof_fraction)]
    decode = [gigabytes_per_s(cell.achieved_bytes_per_s), giga_ops_per_s(cell.decode_ops_per_s)]
    return [*prefill, *decode, percent(cell.roof_fraction)]


def _possible(cell: CellSummary) -> str:
    return f"{cell.label} ({mark})" if (mark := cell.mark) else cell.label


def _name(cell: CellSummary) -> str:
    return cell.label if cell.status == "ok" else f"{cell.label} ({cell.status.replace('_', ' ')})"


def _rates(cell: CellSummary) -> list[str]:
    pairs_of = (_middle(cell.metrics.get(name)) for name in ("prefill_tok_per_s", "decode_tok_per_s"))
    ttft = cell.metrics.get("ttft_s")
    return [*(spread(*pair) for pair in pairs_of), number(ttft.median if ttft else None)]


def _middle(stat: Stat | None) -> tuple[float | None, float | None]:
    return (stat.median, stat.sd) if stat else (None, None)


def _gaps(cell: CellSummary) -> list[str]:
    return [milliseconds(value) for value in (cell.itl.p50_s, cell.itl.p90_s, cell.itl.p99_s)]


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "Ran on", ran_on(record)
    yield "Checked", checked(record)
    if words := chosen(record):
        yield "Chosen", words
    yield "Counted", COUNTED
    yield from gpu_lines(record)
    if is_gpu_run(record):
        yield "Roof", NO_ROOF
        return
    yield "Roof", roof_words(record)
    yield "", peak_words(record)


def _notes(cells: Sequence[CellSummary]) -> Iterator[RenderableType]:
    lines = [f"! {cell.label}: {clipped(flag.text)}" for cell in cells for flag in cell.flags]
    if lines:
        yield Text("\n".join(lines), CAUTION)
