"""The end of `lab run` on several targets: what each did, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.analysis.run.summary import CellSummary, summarise
from lab.core.text import clipped
from lab.formats.metrics import NOT_MEASURED
from lab.formats.run_record import RunRecord
from lab.views.progress.fleet import Followed
from lab.views.table import BAD, left, right, spaced, status_word, table
from lab.views.units import mebibytes, number, spread

Ended = tuple[Followed, Sequence[RunRecord]]


def fleet_table(ended: Sequence[Ended]) -> RenderableType:
    """Render the records of each target; one without any says why in a line below."""
    columns = [left("Target", fold=False), left("Test"), left("Status", fold=False)]
    columns += [right("Prefill\ntok/s"), right("Decode\ntok/s"), right("TTFT\ns"), right("Peak\nMiB")]
    parts: list[RenderableType] = [table(columns, [row for one in ended for row in _rows(*one)])]
    reasons = [Text(clipped(_named(who.target, why))) for who, records in ended if (why := _why(who, records))]
    return spaced([*parts, *reasons])


def _rows(who: Followed, records: Sequence[RunRecord]) -> Iterator[list[str | Text]]:
    if not records:
        yield [who.target, "", Text("no run", BAD), *[NOT_MEASURED] * 4]
    for record in records:
        name = f"{who.target} (emulated)" if record.device.emulated else who.target
        for cell in summarise(record):
            yield [name, cell.label, status_word(cell.status), *_numbers(cell)]


def _numbers(cell: CellSummary) -> list[str]:
    rates = [cell.metrics.get(metric) for metric in ("prefill_tok_per_s", "decode_tok_per_s")]
    ttft = cell.metrics.get("ttft_s")
    shown = [spread(rate.median, rate.sd) if rate else NOT_MEASURED for rate in rates]
    return [*shown, number(ttft.median if ttft else None), mebibytes(cell.rss_peak_bytes)]


def _why(who: Followed, records: Sequence[RunRecord]) -> str | None:
    if not records:
        return who.last_words or ("not started" if who.phase == "stopped" else "exited without output")
    return "; ".join(record.reason for record in records if record.reason) or None


def _named(target: str, why: str) -> str:
    """Errors of a device begin with its name as it is."""
    return why if why.startswith(f"{target}: ") else f"{target}: {why}"
