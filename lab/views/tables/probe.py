"""`lab probe` for people: the roofs by number of threads, and what to know to believe them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.run.stats import describe
from lab.core.text import clipped
from lab.formats.metrics import NOT_MEASURED
from lab.formats.probe_record import ProbeCount, ProbeRecord
from lab.views.table import CAUTION, FAINT, pairs, right, spaced, table
from lab.views.units import number, spread


def probe_table(record: ProbeRecord) -> RenderableType:
    """Render the probe; it fits 60 columns."""
    columns = [right("Threads"), right("Read\nGB/s")]
    columns += [right(f"{kind}\nGOP/s") for kind in ("int4", "int8", "f32")]
    numbers = table(columns, [_row(count) for count in record.counts])
    return spaced([_heading(record), numbers, pairs(_facts(record))])


def _heading(record: ProbeRecord) -> RenderableType:
    title = Text.assemble((f"roofs of {record.target.name}", "bold"), f"   probe {record.probe_id}")
    settings, words = record.settings, "Median ± standard deviation of all passes."
    passes = f"Passes each time, up and down the threads: {settings.bandwidth_passes} of memory"
    notes = [Text(f"! {clipped(text)}", CAUTION) for text in _notes(record)]
    return Group(title, *notes, Text(f"{words} {passes}, {settings.peak_passes} of each arithmetic.", FAINT))


def _notes(record: ProbeRecord) -> Iterator[str]:
    if record.device.emulated:
        yield "emulated device: its times say nothing about a real one"
    if not record.gate.kept:
        yield f"measured although {record.gate.reason or 'the device was busy'}"
    for count in record.counts:
        threads = "1 thread" if count.threads == 1 else f"{count.threads} threads"
        for what, reason in (("bandwidth", count.read_reason), ("arithmetic peak", count.peak_reason)):
            if reason is not None:
                yield f"{what} with {threads}: {reason}"


def _row(count: ProbeCount) -> list[str]:
    rates = (count.read_bytes_per_s, count.int4_ops_per_s, count.int8_ops_per_s, count.f32_ops_per_s)
    return [str(count.threads), *map(_giga, rates)]


def _giga(rates: Sequence[float]) -> str:
    found = describe([rate / 1e9 for rate in rates])
    return number(None) if found is None else spread(found.median, found.sd)


def _facts(record: ProbeRecord) -> Iterator[tuple[str, str]]:
    yield "Device", record.device.facts.get("cpu_model") or "an unnamed processor"
    loops = record.loops
    named = (("read", loops.read), ("int4", loops.int4), ("int8", loops.int8), ("f32", loops.f32))
    yield "Loops", ", ".join(f"{what} {loop or NOT_MEASURED}" for what, loop in named)
    yield "Counted", "each byte that was read; a multiply and an add as two operations; int4: a nibble times a byte"
    yield "At", record.created_at
