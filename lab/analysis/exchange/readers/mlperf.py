"""A result file of MLPerf Mobile: of its benchmarks those of language models.

They answer a data set of prompts, of no one length, so their cells have no token counts: 0 and 0, and the data set is
part of the settings. Decode is LoadGen's token throughput, TTFT its mean; a result that LoadGen calls invalid is
rejected.
"""

from __future__ import annotations

from typing import Any

from lab.analysis.exchange.readers.dates import Dates
from lab.analysis.exchange.readers.doubts import impossible
from lab.analysis.exchange.readers.fields import Fields, UndatedError
from lab.analysis.exchange.readers.naming import slug
from lab.analysis.exchange.readers.parsed import ForeignTest, Found, Subject, test_key
from lab.formats.test import Test

TOOL = "mlperf-mobile"
PROTOCOL = {
    "sampling": "inside: the benchmark's own decoding of a data set",
    "tokenising": "not said",
    "eos": "ends an answer",
    "kv_counter": "not counted",
    "memory_counter": "not counted",
}
# fmt: off
KNOWN = {
    "benchmark_id", "benchmark_name", "loadgen_scenario", "backend_settings", "backend_info", "performance_run",
    "accuracy_run", "min_duration", "min_samples", "min_duration_ms",
}
# fmt: on
NO_TOKENS = "no language model: LoadGen counted no tokens"


def mlperf_found(document: dict[str, Any], file: str, dates: Dates) -> Found:
    """Return the language models' results; the others are skipped, each with the reason."""
    head = Fields(file, 0, document)
    results = document.get("results")
    if not isinstance(results, list):
        head.fail("results", "expected a list of results")
    rows = [_row(file, number, one) for number, one in enumerate(results, 1)]
    counted = [row for row in rows if _loadgen(row).flag("is_token_based", False)]
    skipped = [(row.row, f"{row.text('benchmark_id')}: {NO_TOKENS}") for row in rows if row not in counted]
    tests: list[tuple[Subject, ForeignTest]] = []
    for row in counted:
        subject = _subject(head, row)
        try:
            tests.append((subject, _test(row, subject, dates)))
        except UndatedError as problem:
            skipped.append((row.row, problem.reason))
    return Found(tuple(tests), tuple(skipped))


def _row(file: str, number: int, found: object) -> Fields:
    if not isinstance(found, dict):
        Fields(file, number, {}).fail("results", "expected an object")
    return Fields(file, number, found)


def _loadgen(row: Fields) -> Fields:
    """LoadGen's own part; the app has written it under two names."""
    run = row.inner("performance_run")
    return run.inner("loadgen" if run.has("loadgen") else "loadgen_info")


def _subject(head: Fields, row: Fields) -> Subject:
    asked, used, build = row.inner("backend_settings"), row.inner("backend_info"), head.inner("build_info")
    dataset = row.inner("performance_run").inner("dataset")
    backend = used.text("backend_name")
    version = build.text("version", "unknown")
    return Subject(
        tool=TOOL,
        protocol=PROTOCOL,
        model=slug(row.text("benchmark_id"), "unknown"),
        quant="unknown",
        source_id=asked.text("model_path", "unknown"),
        engine=slug(backend, "unknown"),
        versions={slug(backend, "unknown"): None, "mlperf-mobile": version},
        requested=asked.text("accelerator_desc", "unknown"),
        effective=used.text("accelerator_name", "unknown"),
        device=_device(head.inner("environment_info")),
        settings={
            "scenario": row.text("loadgen_scenario"),
            "dataset": dataset.text("name"),
            "backend_settings": dict(asked.columns),
        },
        commit=build.text("git_commit", "") or None,
        dirty=build.flag("git_dirty_flag", False) if build.has("git_dirty_flag") else None,
        other={name: value for name, value in row.columns.items() if name not in KNOWN},
    )


def _device(environment: Fields) -> dict[str, Any]:
    platform = environment.text("platform", "unknown")
    told = environment.inner("value").inner(platform)
    flat = {name: value for name, value in told.columns.items() if isinstance(value, str | int) and value != ""}
    return {"platform": platform, **{name: told.text(name) for name in flat if isinstance(flat[name], str)}}


def _test(row: Fields, subject: Subject, dates: Dates) -> ForeignTest:
    run, loadgen = row.inner("performance_run"), _loadgen(row)
    valid = loadgen.flag("is_result_valid" if loadgen.has("is_result_valid") else "validity", False)
    decode = (loadgen.number("token_throughput", positive=True),) if valid else ()
    return ForeignTest(
        row=row.row,
        at=dates.of(run, "start_datetime"),
        prompt=0,
        generate=0,
        decode=decode,
        ttft_s=loadgen.maybe("latency_first_token_mean") if valid else None,
        averaged=True,
        status="ok" if valid else "rejected",
        reason=None if valid else "LoadGen reports the result as invalid",
        raw={**loadgen.columns, "measured_samples": run.columns.get("measured_samples")},
        key=test_key(TOOL, run.written_time("start_datetime"), subject.source_id, Test(0, 0), subject.requested),
        doubts=tuple(impossible(subject, (), decode)),
    )
