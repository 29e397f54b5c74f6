"""An imported run as rows of llama-bench: what its file had is written as it stood, and what it had not is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

from lab.analysis.exchange.readers.llama_rows import TOOL
from lab.analysis.run.summary import finished
from lab.analysis.tools import tool_of
from lab.core.fields import UNSET
from lab.formats.run_record import Cell, RunRecord

# fmt: off
SWITCHES = {
    "cpu_strict", "f16_kv", "no_kv_offload", "embeddings", "no_host", "repack", "mul_mat_q", "flash_attn",
}
NUMBERS = {
    "n_batch", "n_ubatch", "poll", "n_gpu_layers", "n_cpu_moe", "main_gpu", "flash_attn", "no_op_offload",
    "fit_target", "fit_min_ctx",
}
# fmt: on
MEANS = ("avg_ns", "stddev_ns", "avg_ts", "stddev_ts")
FLASH_ATTENTION = {"off": 0, "on": 1, "auto": -1}


def imported_rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    """Yield a row for each test that has numbers."""
    common = _common(record)
    for cell in record.cells:
        if cell.status == "ok" and (times := _times(record, cell)):
            model_type = _reported(cell).get("model_type") or common["model_type"]
            shape = {"n_prompt": cell.prompt, "n_gen": cell.generate, "n_depth": cell.depth}
            yield {**common, "model_type": model_type, **shape, **times, **_measured(cell)}


def _common(record: RunRecord) -> dict[str, Any]:
    """The columns that all rows share; null is left out."""
    _, _, number = str(record.engine.versions.get(record.engine.name) or "").partition(" (")
    facts = record.device.facts
    columns = {
        "build_commit": record.revision.commit if record.revision else None,
        "build_number": int(number[:-1]) if number[:-1].isdigit() else None,
        "cpu_info": facts.get("cpu_model") or facts.get("soc"),
        "gpu_info": facts.get("gpu"),
        "backends": _backends(record),
        "model_filename": record.weights.source_id if tool_of(record) == TOOL else record.model.label,
        "model_type": f"{record.model.preset} {record.model.quant}",
        "model_size": record.bundle.memory.weights_bytes,
        "model_n_params": record.model.parameters,
        "n_threads": record.engine.threads or None,
    }
    settings = _settings(record) if tool_of(record) == TOOL else _app_settings(record)
    other = json.loads(record.other_columns or "{}") if tool_of(record) == TOOL else {}
    return {name: value for name, value in {**columns, **settings, **other}.items() if value is not None}


def _backends(record: RunRecord) -> str | None:
    """llama-bench's own word for the backends: what ran, without the GPU's name behind it."""
    asked, named, _ = record.engine.requested.rpartition(" n_gpu_layers ")
    return asked if named else record.engine.effective


def _settings(record: RunRecord) -> dict[str, Any]:
    """Settings as llama-bench spells them; records have all of them as text, whatever format they came in."""
    return {name: _typed(name, value) for name, value in (record.engine.settings or {}).items()}


def _typed(name: str, value: Any) -> Any:
    if name in SWITCHES and value in ("0", "1"):
        return value == "1"
    if name in NUMBERS and isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value


def _app_settings(record: RunRecord) -> dict[str, Any]:
    """What another program says of llama.cpp's parameters, under llama-bench's names."""
    used = (record.engine.settings or {}).get("effective_init_params")
    if not isinstance(used, dict):
        return {}
    plain = {name: used.get(name) for name in ("n_batch", "n_ubatch", "n_gpu_layers")}
    cache = {"type_k": used.get("cache_type_k"), "type_v": used.get("cache_type_v")}
    return {**plain, **cache, "flash_attn": FLASH_ATTENTION.get(str(used.get("flash_attn_type")))}


def _times(record: RunRecord, cell: Cell) -> dict[str, Any]:
    """When, the means as the file has them, and samples where it had any; nothing where nothing was measured."""
    reported, rates = _reported(cell), _rates(cell)
    tokens = cell.prompt + cell.generate
    if not rates or not tokens:
        return {}
    at = {"test_time": reported.get("test_time") or record.created_at}
    samples = {} if _is_mean(cell) else _samples(rates, tokens)
    means = {name: number for name in MEANS if (number := _number(reported.get(name))) is not None}
    return {**at, **_means(rates, tokens, bool(samples)), **means, **samples}


def _rates(cell: Cell) -> list[float]:
    """Tokens/s of each repetition: of its one phase, or of both together."""
    if cell.prompt and cell.generate:
        both = _reported(cell).get("total_tok_per_s")
        return [float(rate) for rate in both] if isinstance(both, list) else []
    name = "prefill_tok_per_s" if cell.prompt else "decode_tok_per_s"
    return [rate for one in finished(cell) if (rate := getattr(one, name))]


def _is_mean(cell: Cell) -> bool:
    return any(row.mean_of is not UNSET for row in cell.repetitions)


def _samples(rates: list[float], tokens: int) -> dict[str, Any]:
    """Samples as nanoseconds too, where whole nanoseconds give the same rates again."""
    times_ns = [round(tokens * 1e9 / rate) for rate in rates]
    exact = all(one and tokens * 1e9 / one == rate for one, rate in zip(times_ns, rates, strict=True))
    return {**({"samples_ns": times_ns} if exact else {}), "samples_ts": rates}


def _means(rates: list[float], tokens: int, spread: bool) -> dict[str, Any]:
    times_ns = [tokens * 1e9 / rate for rate in rates]
    means = {"avg_ns": round(fmean(times_ns)), "avg_ts": fmean(rates)}
    return {**means, "stddev_ns": round(stdev(times_ns)), "stddev_ts": stdev(rates)} if spread and rates[1:] else means


def _reported(cell: Cell) -> dict[str, Any]:
    return cell.reported or {}


def _measured(cell: Cell) -> dict[str, Any]:
    """What the file had measured besides, under its names."""
    measured = _reported(cell).get("measured")
    return measured if isinstance(measured, dict) else {}


def _number(value: Any) -> Any:
    """Numbers of CSV and SQL are texts; null for what is no number."""
    if not isinstance(value, str):
        return value if isinstance(value, int | float) else None
    try:
        return int(value) if value.isdecimal() else float(value)
    except ValueError:
        return None
