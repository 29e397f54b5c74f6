"""A recorded run as llama-bench writes its results (`-o json`): a prefill and a decode row for each cell.

The decode row of a cell with prompt P, generate G and depth D has `n_gen` = G - 1 at `n_depth` = D + P: those
are the steps between the first token and the last, and the tokens in the cache when they begin. llama-bench
leaves sampling out of its times; lab has argmax inside. An imported run is written as its own file had it
(lab.analysis.exchange.writers.llama_columns).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev
from typing import Any

from lab.analysis.exchange.writers.llama_columns import imported_rows
from lab.analysis.run.gpu import gpu_device, is_gpu_run
from lab.analysis.run.summary import finished
from lab.analysis.run.work import prefilled
from lab.analysis.tools import OWN, tool_of
from lab.formats.run_record import Cell, Repetition, RunRecord


def llama_bench_rows(record: RunRecord) -> list[dict[str, Any]]:
    """Return the rows; a cell without finished repetitions has none."""
    if tool_of(record) != OWN:
        return list(imported_rows(record))
    common = _common(record)
    return [{**common, **row} for cell in record.cells for row in _cell_rows(record, cell)]


def _cell_rows(record: RunRecord, cell: Cell) -> Iterator[dict[str, Any]]:
    prompt = prefilled(record, cell)
    timed = [times for one in finished(cell) if (times := _times(cell, prompt, one)) is not None]
    if timed:
        prefill, decode = zip(*timed, strict=True)
        yield _row(record, prompt, 0, cell.depth, prefill)
        if not cell.generate:  # a text that was judged
            return
        yield _row(record, 0, cell.generate - 1, cell.depth + prompt, decode)


def _times(cell: Cell, prompt: int, one: Repetition) -> tuple[int, int] | None:
    """Nanoseconds from submit to the first token, and from there to the last, from stamps, else from rates."""
    if one.token_ns is None and one.prefill_tok_per_s and one.decode_tok_per_s:
        seconds = prompt / one.prefill_tok_per_s, (cell.generate - 1) / one.decode_tok_per_s
        return round(seconds[0] * 1e9), round(seconds[1] * 1e9)
    if one.submit_ns is None or not one.token_ns or not one.submit_ns < one.token_ns[0]:
        return None
    if cell.generate and not one.token_ns[0] < one.token_ns[-1]:
        return None
    return one.token_ns[0] - one.submit_ns, one.token_ns[-1] - one.token_ns[0]


def _row(record: RunRecord, n_prompt: int, n_gen: int, n_depth: int, samples_ns: Sequence[int]) -> dict[str, Any]:
    samples_ts = [(n_prompt + n_gen) * 1e9 / ns for ns in samples_ns]
    return {
        "n_prompt": n_prompt,
        "n_gen": n_gen,
        "n_depth": n_depth,
        "test_time": record.created_at,
        "avg_ns": round(fmean(samples_ns)),
        "stddev_ns": round(_deviation(samples_ns)),
        "avg_ts": fmean(samples_ts),
        "stddev_ts": _deviation(samples_ts),
        "samples_ns": list(samples_ns),
        "samples_ts": samples_ts,
    }


def _deviation(samples: Sequence[float]) -> float:
    """Sample deviation; 0 of a single one, as llama-bench writes it."""
    return stdev(samples) if len(samples) > 1 else 0.0


def _common(record: RunRecord) -> dict[str, Any]:
    """The columns that repeat in every row; those of llama-bench that have no meaning here are left out."""
    chunk = record.plan.prefill_chunk
    return {
        "build_commit": ((record.revision.commit if record.revision else record.lab.git_commit) or "unknown")[:9],
        "build_number": 0,
        "cpu_info": str(record.device.facts.get("cpu_model") or "unknown"),
        "gpu_info": gpu_device(record).device or "",
        "backends": f"{record.engine.name} {record.engine.versions.get(record.engine.name) or ''}".strip(),
        "model_filename": record.model.label,
        "model_type": f"{record.model.preset} {record.model.quant}",
        "model_size": record.bundle.memory.weights_bytes,
        "model_n_params": record.model.parameters,
        "n_batch": chunk,
        "n_ubatch": chunk,
        "n_threads": record.engine.threads,
        "type_k": _kv_type(record.model.kv_dtype),
        "type_v": _kv_type(record.model.kv_dtype),
        "n_gpu_layers": _gpu_layers(record),
        "load_mode": "mmap",
    }


def _gpu_layers(record: RunRecord) -> int | None:
    """Layers whose work the GPU does, the head counted as llama.cpp counts it; lab puts all of them there, or none."""
    if not is_gpu_run(record):
        return 0
    return record.model.layers + 1 if record.model.layers is not None else None


def _kv_type(dtype: str | None) -> str:
    return {"float16": "f16", "float32": "f32"}.get(dtype or "", dtype or "unknown")
