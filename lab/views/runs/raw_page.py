"""`lab show --raw`: the run table, then everything else that was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from rich.console import Group, RenderableType
from rich.text import Text

from lab.core.fields import encode
from lab.core.terminal import LINE_CHARS
from lab.core.text import SHOWN_CHARS, clipped, cut
from lab.core.units import human_seconds
from lab.formats.metrics import NOT_MEASURED
from lab.formats.run.blocks import PeakKind
from lab.formats.run_record import Cell, Repetition, RunRecord
from lab.formats.test import Test
from lab.formats.transports import TRANSPORTS
from lab.views.pictures import sparkline
from lab.views.runs.gpu_facts import profile_tables
from lab.views.runs.run_table import run_table
from lab.views.table import left, measured, pairs, right, spaced, status_word, table
from lab.views.units import giga_ops_per_s, gigabytes_per_s, mebibytes, milliseconds, number

BLOCKS = ("lab", "protocol", "engine", "model", "weights", "bundle", "device", "target", "plan")
RAW = ("repetitions", *BLOCKS, "bandwidth", "peak")
SPARK_WIDTH = 40


def show_page(record: RunRecord, width: int) -> RenderableType:
    """Render all of the record for a terminal of `width` columns; the raw numbers are in --json."""
    return spaced([run_table(record, width), *(part for name in RAW for part in raw_section(record, name))])


def raw_section(record: RunRecord, name: str) -> list[RenderableType]:
    """Return one of RAW as it was recorded."""
    if name == "repetitions":
        return [part for cell in record.cells for part in _cell(cell)]
    if name in ("bandwidth", "peak"):
        return [_section(name, _bandwidth(record) if name == "bandwidth" else _peak(record))]
    block = encode(getattr(record, name))
    if name == "target":
        block = {**block, "spec": _that_applies(block["spec"])}
    return [_section(name, pairs(flat_pairs(block), LINE_CHARS))]


def _that_applies(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target's tables without those of other ways to a device, and without a GPU's where none is used."""
    way, kind = ((spec.get(name) or {}).get(key) for name, key in (("device", "transport"), ("compile", "kind")))
    others = {name for name in TRANSPORTS if name != way} if way in TRANSPORTS else set()
    return {
        name: table for name, table in spec.items() if name not in others and (name != "opencl" or kind == "opencl")
    }


def _section(title: str, body: RenderableType) -> RenderableType:
    return Group(Text(title.upper(), "bold"), body)


def _bandwidth(record: RunRecord) -> RenderableType:
    if record.bandwidth is None:
        return Text("not measured")
    passes = (("before", record.bandwidth.before), ("after", record.bandwidth.after))
    rows = [(when, " ".join(gigabytes_per_s(value) for value in values) + " GB/s") for when, values in passes]
    loop = record.bandwidth.loop or NOT_MEASURED
    return pairs([("threads", str(record.bandwidth.threads)), ("fastest loop", loop), *rows])


def _peak(record: RunRecord) -> RenderableType:
    found = record.peak
    if found is None:
        return Text("not measured")
    rows = [
        (f"{kind} {when}", " ".join(map(giga_ops_per_s, values)) + " GOP/s" if values else str(reason))
        for when, samples, reason in (
            ("before", found.before, found.reason_before),
            ("after", found.after, found.reason_after),
        )
        for kind in get_args(PeakKind)
        if (values := samples.of(kind)) or kind != "int4"  # which older records lack
    ]
    named = (("int4", found.int4_loop), ("int8", found.int8_loop), ("f32", found.f32_loop))
    loops = ", ".join(f"{kind} {loop or NOT_MEASURED}" for kind, loop in named)
    return pairs([("threads", str(found.threads)), ("fastest loops", loops), *rows])


def _cell(cell: Cell) -> Iterator[RenderableType]:
    label = Test.of(cell).label
    status = cell.status.replace("_", " ") + (f": {clipped(cell.reason)}" if cell.reason else "")
    yield Text.assemble((f"REPETITIONS OF {label}", "bold"), f"  {status}")
    if cell.repetitions:
        yield _numbers(cell.repetitions)
        lines = ((list(_gaps(cell.repetitions)), SHOWN_CHARS), (_around(cell.repetitions), LINE_CHARS))
        yield from (pairs(some, limit) for some, limit in lines if some)
    for title, body in profile_tables(cell):
        yield Group(Text(title), body)
    if cell.memory is not None and cell.memory.samples:
        line = sparkline([float(size) for _, size in cell.memory.samples], SPARK_WIDTH)
        last, peak = cell.memory.samples[-1][0], max(size for _, size in cell.memory.samples)
        yield Text(f"resident memory over {human_seconds(last)}  {line}  to {mebibytes(peak)} MiB")


def _numbers(repetitions: Sequence[Repetition]) -> RenderableType:
    columns = [right("#"), right("order"), left("status")]
    columns += [
        right("judgements\n/s"),
        right("prefill\ntok/s"),
        right("decode\ntok/s"),
        right("TTFT\ns"),
        right("load\ns"),
    ]
    columns += [right("peak\nMiB"), right("swap\nMiB"), right("major\nfaults")]
    return table(*measured(columns, [_row(one) for one in repetitions]))


def _row(one: Repetition) -> list[str | Text]:
    rates = (one.judgements_per_s, one.prefill_tok_per_s, one.decode_tok_per_s, one.ttft_s, one.load_s)
    sizes = (one.rss_peak_bytes, one.swap_bytes)
    faults = number(None) if one.major_faults is None else str(one.major_faults)
    shown = [*map(number, rates), *map(mebibytes, sizes), faults]
    return [str(one.index), str(one.order), status_word(one.status), *shown]


def _gaps(repetitions: Sequence[Repetition]) -> Iterator[tuple[str, str]]:
    for one in repetitions:
        gaps = one.itl_s or ()
        if gaps:
            ends = f"{milliseconds(min(gaps))} to {milliseconds(max(gaps))} ms"
            yield f"#{one.index} gaps", f"{sparkline(gaps, SPARK_WIDTH)}  {ends}"


def _around(repetitions: Sequence[Repetition]) -> list[tuple[str, str]]:
    return [line for one in repetitions for line in _circumstances(one)]


def _circumstances(one: Repetition) -> Iterator[tuple[str, str]]:
    """What was going on around one repetition, a line each, only what was recorded."""
    name = f"#{one.index}"
    if one.reason:
        yield f"{name} reason", clipped(one.reason)
    if one.error:
        yield f"{name} error", clipped(one.error)
    for title, found in (("warm-up", one.warmup), ("gate", one.gate)):
        if found is not None:
            yield f"{name} {title}", in_one_line(encode(found))
    for title, state in (
        ("before", one.state_before),
        ("during", one.state_during),
        ("after", one.state_after),
    ):
        if state:
            yield f"{name} {title}", in_one_line(state)
    if one.throttled is not None:
        yield f"{name} throttled", "yes" if one.throttled else "no"


def flat_pairs(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted key, text) for every leaf; lists stay on one line."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat_pairs(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, text_of(value)


def in_one_line(value: Mapping[str, Any]) -> str:
    """Return `key value, key value`; what is null is left out."""
    return ", ".join(f"{key} {text}" for key, text in flat_pairs(value) if text != NOT_MEASURED)


def text_of(value: Any) -> str:
    """Return a leaf as people read it: null as a dash, yes and no, lists with spaces, short numbers."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(_item(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return "none" if not value else in_one_line(value)
    return f"{value:.6g}" if isinstance(value, float) else cut(str(value), SHOWN_CHARS)


def _item(item: Any) -> str:
    return f"({in_one_line(item)})" if isinstance(item, Mapping) else text_of(item)
