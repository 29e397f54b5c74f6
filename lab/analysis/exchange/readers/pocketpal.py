"""PocketPal's benchmark report: one run of the app's matrix, a row for each model, quantisation and backend.

Its numbers are means over `bench.nr` rounds of llama.cpp's own two tests, prefill and decode, each from an empty cache:
two cells a row. `peak_memory_mb` is the peak of the app's process over everything it ran before, the same to the digit
from row to row, so it is kept as it is and is nobody's peak; buffers that the engine logged are the row's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.analysis.exchange.readers.dates import Dates
from lab.analysis.exchange.readers.doubts import impossible
from lab.analysis.exchange.readers.fields import MAX_TOKENS, Fields, UndatedError
from lab.analysis.exchange.readers.naming import slug
from lab.analysis.exchange.readers.parsed import ForeignTest, Found, Subject, test_key
from lab.formats.run_record import CellMemory, CellStatus
from lab.formats.test import Test

TOOL = "pocketpal"
ENGINE = "llama.cpp"
MIB = 1 << 20
PROTOCOL = {
    "sampling": "none: the engine's own benchmark feeds tokens and chooses nothing",
    "tokenising": "outside",
    "eos": "ignored",
    "kv_counter": "buffers in the engine's log",
    "memory_counter": "not counted for a row",
}
# fmt: off
KNOWN = {
    "model_id", "quant", "requested_backend", "effective_backend", "timestamp", "status", "reason", "error",
    "pp_avg", "tg_avg", "pp_std", "tg_std", "wall_ms", "peak_memory_mb", "log_signals", "init_settings",
    "effective_init_params", "settings_overrides", "settings_fingerprint",
}
# fmt: on
MEASURED = ("pp_avg", "tg_avg", "pp_std", "tg_std", "wall_ms", "peak_memory_mb")
SETTINGS = ("init_settings", "effective_init_params", "settings_overrides")
GOOD: dict[str, CellStatus] = {"ok": "ok", "skipped": "not_run", "failed": "failed", "error": "failed"}
_DTYPES = {"f16": "float16", "f32": "float32", "bf16": "bfloat16"}


def pocketpal_found(report: dict[str, Any], file: str, dates: Dates) -> Found:
    """Return the two tests of each row."""
    head = Fields(file, 0, report)
    rows = report.get("runs")
    if not isinstance(rows, list):
        head.fail("runs", "expected a list of rows")
    tests: list[tuple[Subject, ForeignTest]] = []
    skipped: list[tuple[int, str]] = []
    for number, found in enumerate(rows, 1):
        if not isinstance(found, dict):
            Fields(file, number, {}).fail("runs", "expected an object")
        try:
            tests += _both(head, Fields(file, number, found), dates)
        except UndatedError as problem:
            skipped.append((number, problem.reason))
    return Found(tuple(tests), tuple(skipped))


def _both(head: Fields, row: Fields, dates: Dates) -> Iterator[tuple[Subject, ForeignTest]]:
    subject = _subject(head, row)
    for phase in ("pp", "tg"):
        yield subject, _test(head, row, phase, subject, dates)


def _subject(head: Fields, row: Fields) -> Subject:
    asked, effective = row.text("requested_backend", "unknown"), row.text("effective_backend", "unknown")
    used = row.inner("effective_init_params")
    version = head.text("llama_rn_version", "unknown")
    return Subject(
        tool=TOOL,
        protocol=PROTOCOL,
        model=slug(row.text("model_id"), "unknown"),
        quant=slug(row.text("quant"), "unknown"),
        source_id=f"{row.text('model_id')} {row.text('quant')}",
        engine=ENGINE,
        versions={ENGINE: None, "llama.rn": version},
        requested=asked,
        effective=effective,
        fell_back=asked != "cpu" and effective == "cpu",
        threads=used.whole("n_threads", most=1 << 20, default=0),
        device={name: head.text(name, "") or None for name in ("device", "soc", "platform", "os_version")},
        settings={name: row.columns[name] for name in SETTINGS if row.has(name)},
        chunk=used.whole("n_ubatch", least=1, most=MAX_TOKENS) if used.has("n_ubatch") else None,
        weights_bytes=_bytes(_buffers(row), "weights_total_mib"),
        kv_dtype=_DTYPES.get(used.text("cache_type_k", "")),
        commit=head.text("commit", "") or None,
        other={name: value for name, value in row.columns.items() if name not in KNOWN},
    )


def _test(head: Fields, row: Fields, phase: str, subject: Subject, dates: Dates) -> ForeignTest:
    bench = head.inner("bench")
    tokens = bench.whole(phase, least=1, most=MAX_TOKENS)
    status, reason = _status(row)
    rates = (row.number(f"{phase}_avg", positive=True),) if status == "ok" else ()
    test = Test(tokens, 0) if phase == "pp" else Test(0, tokens)
    prefill, decode = (rates, ()) if phase == "pp" else ((), rates)
    return ForeignTest(
        row=row.row,
        at=dates.of(row, "timestamp"),
        prompt=test.prompt,
        generate=test.generate,
        prefill=prefill,
        decode=decode,
        repeats=bench.whole("nr", least=1, most=10_000) if bench.has("nr") else None,
        averaged=True,
        status=status,
        reason=reason,
        memory=_memory(row),
        raw={name: row.columns[name] for name in MEASURED if row.has(name)},
        key=test_key(TOOL, row.written_time("timestamp"), subject.source_id, test, subject.requested),
        doubts=tuple(impossible(subject, prefill, decode)),
    )


def _status(row: Fields) -> tuple[CellStatus, str | None]:
    said = row.text("status")
    status = GOOD.get(said, "failed")
    if status == "ok":
        return status, None
    reasons = (row.text(name, "") for name in ("reason", "error"))
    return status, next((one for one in reasons if one), said)


def _buffers(row: Fields) -> Fields:
    return row.inner("log_signals").inner("memory_buffers")


def _bytes(buffers: Fields, name: str) -> int | None:
    mib = buffers.maybe(name, most=1e9)
    return None if mib is None else round(mib * MIB)


def _memory(row: Fields) -> CellMemory | None:
    buffers = _buffers(row)
    if not buffers.columns:
        return None
    return CellMemory(
        counter="buffers in the engine's log",
        rss_peak_bytes=None,
        rss_anon_peak_bytes=None,
        weights_bytes=_bytes(buffers, "weights_total_mib"),
        kv_bytes=_bytes(buffers, "kv_cache_total_mib"),
        workspace_bytes=_bytes(buffers, "compute_total_mib"),
    )
