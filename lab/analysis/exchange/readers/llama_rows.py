"""One row of llama-bench, of any version, as a test.

Prefill (`pp`) and decode (`tg`) are tests of their own there, so they are cells of their own here: a cell has 0 tokens
in the phase that its test lacks. A `pg` row has one time for both phases together, which is neither rate: it stays in
the cell as it is, and no rate is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lab.analysis.exchange.readers.dates import Dates
from lab.analysis.exchange.readers.doubts import CONTRADICTORY, Doubt, disagreements, impossible
from lab.analysis.exchange.readers.fields import MAX_TOKENS, Fields
from lab.analysis.exchange.readers.naming import gguf_names
from lab.analysis.exchange.readers.parsed import ForeignTest, Subject, test_key
from lab.analysis.exchange.scanners.scan_markdown import named_test
from lab.analysis.points.measured import is_measured
from lab.core.text import said
from lab.formats.test import Test

TOOL = "llama-bench"
ENGINE = "llama.cpp"
PROTOCOL = {
    "sampling": "none: llama-bench feeds random tokens and chooses nothing",
    "tokenising": "outside",
    "eos": "ignored",
    "kv_counter": "not counted",
    "memory_counter": "not counted",
}
BACKEND_FLAGS = ("cuda", "opencl", "vulkan", "kompute", "metal", "sycl", "gpu_blas", "blas")  # before `backends`
MODEL = ("model_filename", "model_type", "model_size", "model_n_params")
WHO = ("build_commit", "build_number", "cpu_info", "gpu_info", "backends", "n_threads", *BACKEND_FLAGS)
SHAPE = ("n_prompt", "n_gen", "n_depth")
TIMES = ("test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts")
LOADING = ("use_mmap", "use_direct_io", "load_mode")  # two spellings of one setting
# fmt: off
SETTINGS = (
    "n_batch", "n_ubatch", "cpu_mask", "cpu_strict", "poll", "type_k", "type_v", "f16_kv", "n_gpu_layers",
    "n_cpu_moe", "split_mode", "main_gpu", "no_kv_offload", "flash_attn", "devices", "tensor_split",
    "tensor_buft_overrides", "lazy_mode", "embeddings", "no_op_offload", "no_host", "repack", "fit_target",
    "fit_min_ctx", "mul_mat_q", "rpc_servers",
)
# fmt: on
TEST = "test"  # a fork's name of the test, as the table has it
KNOWN = {TEST, *MODEL, *WHO, *SHAPE, *TIMES, *LOADING, *SETTINGS}
PER_TEST = {TEST, *SHAPE, *TIMES}
USUAL_REPEATS = 5  # what llama-bench does unless told otherwise
_SWITCHES = {False: "0", True: "1"}
_DTYPES = {"f16": "float16", "f32": "float32", "bf16": "bfloat16"}


class LlamaRows:
    """Reads rows of llama-bench. Rows that share all but the test and its numbers have the very same subject."""

    def __init__(self, dates: Dates) -> None:
        self._dates = dates
        self._subjects: dict[str, Subject] = {}
        self._measured: dict[tuple[str, ...], frozenset[str]] = {}

    def read(self, row: Fields, *, published: bool = False) -> tuple[Subject, ForeignTest]:
        """Return what the row measured, and its numbers; of a `published` table there is no time and no file's name.

        Raises:
            ForeignFileError: names the row and the column that is not what it should be.
            UndatedError: its time cannot be, and the user gave none.
        """
        names = tuple(row.columns)
        measured = self._measured.get(names)
        if measured is None:
            measured = frozenset(name for name in names if name not in KNOWN and is_measured(name))
            self._measured[names] = measured
        about = json.dumps(
            [pair for pair in row.columns.items() if pair[0] not in PER_TEST and pair[0] not in measured]
        )
        subject = self._subjects.get(about)
        if subject is None:
            subject = self._subjects.setdefault(about, _subject(row, published))
        return subject, _test(row, subject, self._dates, sorted(measured), published)


def _subject(row: Fields, published: bool) -> Subject:
    model_type = row.text("model_type", "unknown")
    filename = row.text("model_filename", "" if published else None)
    model, quant = gguf_names(model_type, filename)
    settings = _settings(row)
    build = f"{row.text('build_commit', 'unknown')} ({row.whole('build_number', default=0)})"
    cpu, gpu = row.text("cpu_info", ""), row.text("gpu_info", "")
    backends = row.text("backends", "") or _flagged(row)
    return Subject(
        tool=TOOL,
        protocol=PROTOCOL,
        model=model,
        quant=quant,
        source_id=filename or model_type,
        engine=ENGINE,
        versions={ENGINE: build},
        requested=f"{backends} n_gpu_layers {settings.get('n_gpu_layers', 'unknown')}",
        effective=f"{backends} {gpu}".strip(),
        threads=row.whole("n_threads", most=1 << 20, default=0),
        device={"cpu_model": cpu or None, "gpu": gpu or None},
        settings=settings,
        chunk=row.whole("n_ubatch", least=1, most=MAX_TOKENS) if row.has("n_ubatch") else None,
        parameters=row.whole("model_n_params", default=0) or None,
        weights_bytes=row.whole("model_size", default=0) or None,
        kv_dtype=_DTYPES.get(row.text("type_k", "")),
        commit=row.text("build_commit", "") or None,
        other={name: value for name, value in row.columns.items() if name not in KNOWN and not is_measured(name)},
        model_type=model_type,
    )


def _test(row: Fields, subject: Subject, dates: Dates, measured: Sequence[str], published: bool) -> ForeignTest:
    written = _written(row)
    test, doubts = _named(row, written)
    prompt, generate = test.prompt, test.generate
    rates, repeats, more = _rates(row, prompt + generate, published)
    only = bool(prompt) != bool(generate)
    prefill, decode = rates if only and prompt else (), rates if only and generate else ()
    raw = {name: row.columns[name] for name in ("model_type", TEST, *TIMES) if row.has(name) and "samples" not in name}
    if measured:
        raw["measured"] = {name: row.columns[name] for name in measured}
    mean_ns = row.whole("avg_ns", default=0)
    return ForeignTest(
        row=row.row,
        at=dates.without() if published else dates.of(row, "test_time"),
        prompt=prompt,
        generate=generate,
        depth=test.depth,
        prefill=prefill,
        decode=decode,
        repeats=repeats,
        averaged=repeats is None,
        reason=None if only else f"one time for both phases together: {rates[0]:.6g} tok/s",
        raw=raw if only else {**raw, "total_tok_per_s": list(rates)},
        key=_published_key(row, dates) if published else _key(row, subject.source_id, written, mean_ns),
        took_s=mean_ns / 1e9 * (repeats or USUAL_REPEATS),
        doubts=(*doubts, *more, *impossible(subject, prefill, decode)),
    )


def _written(row: Fields) -> Test:
    prompt, generate, depth = (row.whole(name, most=MAX_TOKENS, default=0) for name in SHAPE)
    for name in SHAPE[:2]:
        row.whole(name)  # unlike the depth, these are in every version
    if not prompt and not generate:
        row.fail("n_prompt", "neither a prompt nor a generation")
    return Test(prompt, generate, depth)


def _named(row: Fields, written: Test) -> tuple[Test, list[Doubt]]:
    """The test by its name, where a fork gives one: `tg64@pp512` times 64 tokens behind a prompt that it does not."""
    name = row.columns.get(TEST)
    named = named_test(name) if isinstance(name, str) else None
    prompt, generate, behind = written.prompt, written.generate, written.prompt + written.depth
    if named is None or (named.prompt, named.generate) == (prompt, generate):
        return written, []
    if (named.prompt, named.generate) == (0, generate) and named.depth in (prompt, behind):
        return Test(0, generate, behind), []
    return written, [(CONTRADICTORY, f"its test is named {said(name)}, but its columns give pp{prompt}+tg{generate}")]


def _key(row: Fields, filename: str, written: Test, mean_ns: int) -> str:
    return test_key(TOOL, row.written_time("test_time"), filename, written, str(mean_ns))


def _published_key(row: Fields, dates: Dates) -> str:
    """A table says neither when nor of which file: all that it does say tells its rows apart, and the date if given."""
    columns = json.dumps(dict(row.columns), sort_keys=True)
    return test_key(TOOL, dates.given or "", columns, Test(0, 0), "table")


def _rates(row: Fields, tokens: int, published: bool) -> tuple[tuple[float, ...], int | None, list[Doubt]]:
    """Tokens/s of each repetition, from its nanoseconds; the mean alone where samples were not written."""
    mean_ns = None if published else row.whole("avg_ns", least=1)
    samples_ns, samples_ts = row.numbers("samples_ns", most=2.0**63), row.numbers("samples_ts")
    if samples_ts and samples_ns and len(samples_ts) != len(samples_ns):
        row.fail("samples_ts", f"{len(samples_ts)} samples, and {len(samples_ns)} in samples_ns")
    needs_mean = row.has("avg_ts") and not samples_ns and not samples_ts
    avg_ts = row.number("avg_ts", positive=True) if needs_mean else row.about("avg_ts")
    cv = (row.about("stddev_ts") or 0.0) / avg_ts if avg_ts else 0.0
    doubts = list(disagreements(tokens, mean_ns, avg_ts, samples_ns, samples_ts, cv))[:1]
    if samples_ns:
        return tuple(tokens * 1e9 / one for one in samples_ns), len(samples_ns), doubts
    if samples_ts:
        return samples_ts, len(samples_ts), doubts
    if avg_ts is None:
        return (tokens * 1e9 / (mean_ns or 1),), None, doubts
    return (avg_ts,), None, doubts


def _settings(row: Fields) -> dict[str, Any]:
    """The settings in one spelling for all versions and formats: numbers and switches as text."""
    plain = {name: _spelled(row.columns[name]) for name in SETTINGS if row.has(name)}
    return {**plain, **_load_mode(row)}


def _load_mode(row: Fields) -> dict[str, str]:
    if row.has("load_mode"):
        return {"load_mode": row.text("load_mode")}
    if row.flag("use_direct_io", False):
        return {"load_mode": "dio"}
    return {"load_mode": "mmap" if row.flag("use_mmap", True) else "none"} if row.has("use_mmap") else {}


def _spelled(value: Any) -> Any:
    return _SWITCHES[value] if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


def _flagged(row: Fields) -> str:
    """The backends by the switches that stood in their place before there was a column `backends`."""
    return ",".join(name.upper() for name in BACKEND_FLAGS if row.flag(name, False)) or "unknown"
