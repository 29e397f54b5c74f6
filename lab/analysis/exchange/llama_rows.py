"""One row of llama-bench, of any version, as a test.

Prefill (`pp`) and decode (`tg`) are tests of their own there, so they are cells of their own here: a cell has 0 tokens
in the phase that its test lacks. A `pg` row has one time for both phases together, which is neither rate: it stays in
the cell as it is, and no rate is made of it.
"""

from __future__ import annotations

from typing import Any

from lab.analysis.exchange.fields import MAX_TOKENS, Fields
from lab.analysis.exchange.found import Subject, Test
from lab.analysis.exchange.naming import gguf_names
from lab.analysis.points.measured import is_measured

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
KNOWN = {*MODEL, *WHO, *SHAPE, *TIMES, *LOADING, *SETTINGS}
_SWITCHES = {False: "0", True: "1"}
_DTYPES = {"f16": "float16", "f32": "float32", "bf16": "bfloat16"}


def llama_row(row: Fields) -> tuple[Subject, Test]:
    """Return what the row measured, and its numbers."""
    return _subject(row), _test(row)


def _subject(row: Fields) -> Subject:
    filename = row.text("model_filename")
    model, quant = gguf_names(row.text("model_type", "unknown"), filename)
    settings = _settings(row)
    build = f"{row.text('build_commit', 'unknown')} ({row.whole('build_number', default=0)})"
    cpu, gpu = row.text("cpu_info", ""), row.text("gpu_info", "")
    backends = row.text("backends", "") or _flagged(row)
    return Subject(
        tool=TOOL,
        protocol=PROTOCOL,
        model=model,
        quant=quant,
        source_id=filename,
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
    )


def _test(row: Fields) -> Test:
    prompt, generate, depth = (row.whole(name, most=MAX_TOKENS, default=0) for name in SHAPE)
    for name in SHAPE[:2]:
        row.whole(name)  # unlike the depth, these are in every version
    if not prompt and not generate:
        row.fail("n_prompt", "neither a prompt nor a generation")
    rates, repeats = _rates(row, prompt + generate)
    raw = {name: row.columns[name] for name in ("model_type", *TIMES) if row.has(name) and "samples" not in name}
    if measured := {name: row.columns[name] for name in row.columns if name not in KNOWN and is_measured(name)}:
        raw["measured"] = measured
    only = bool(prompt) != bool(generate)
    return Test(
        row=row.row,
        at=row.time("test_time"),
        prompt=prompt,
        generate=generate,
        depth=depth,
        prefill=rates if only and prompt else (),
        decode=rates if only and generate else (),
        repeats=repeats,
        averaged=repeats is None,
        reason=None if only else f"one time for both phases together: {rates[0]:.6g} tok/s",
        raw=raw if only else {**raw, "total_tok_per_s": list(rates)},
        identity={name: str(row.columns.get(name)) for name in ("test_time", "avg_ns", *SHAPE, *MODEL)},
    )


def _rates(row: Fields, tokens: int) -> tuple[tuple[float, ...], int | None]:
    """Tokens/s of each repetition, from its nanoseconds; the mean alone where samples were not written."""
    mean_ns = row.whole("avg_ns", least=1)
    samples_ns, samples_ts = row.numbers("samples_ns", most=2.0**63), row.numbers("samples_ts")
    if samples_ts and samples_ns and len(samples_ts) != len(samples_ns):
        row.fail("samples_ts", f"{len(samples_ts)} samples, and {len(samples_ns)} in samples_ns")
    if samples_ns:
        return tuple(tokens * 1e9 / one for one in samples_ns), len(samples_ns)
    if samples_ts:
        return samples_ts, len(samples_ts)
    mean = row.number("avg_ts", positive=True) if row.has("avg_ts") else tokens * 1e9 / mean_ns
    return (mean,), None


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
