"""The record of one made-up run: real in form, and marked as made up by its protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from lab.formats.run.blocks import MADE_UP
from lab.formats.run_record import SCHEMA
from lab.jobs.demo.world import METRICS, SHAPES, Line, World, commit, level_of, run_id, tags

KEY = "ab" * 32
REASON = "killed by SIGSEGV"
WEIGHT_BYTES = {"q4": 2_150_000_000, "q8": 4_060_000_000}  # that a decoded token reads
OPS_PER_TOKEN = 2 * 3_821_079_552
PART_OF_ROOF = 0.7
MODEL = {
    "preset": "phi3-mini",
    "layers": 32,
    "layers_total": 32,
    "parameters": 3_821_079_552,
    "vocab_size": 32_064,
    "hidden_size": 3072,
    "head_dim": 96,
    "num_kv_heads": 32,
    "context_max": 4096,
    "sliding_window": 2047,
    "kv_dtype": "float16",
    "layer_weights": 226_492_416,
    "head_weights": 98_500_608,
}
PLAN = {
    "repeats": 3,
    "prefill_chunk": 512,
    "warmup_cap": 8,
    "warmup_spread": 0.05,
    "cv_gate": 0.05,
    "max_busy": 0.3,
    "gate_timeout_s": 15.0,
    "timeout_s": 1800.0,
    "threads": 2,
    "seed": 0,
    "settings_fingerprint": "made up",
}
PROTOCOL = {
    "version": 1,
    "name": MADE_UP,
    "sampling": "none",
    "tokenising": "none",
    "eos": "none",
    "kv_counter": "none",
    "memory_counter": "VmHWM",
}


def document(made: World, session: int, line: int, number: int) -> dict[str, Any]:
    """Return the record of one run as plain data, without its digest."""
    of, at = made.lines[line], made.at(session, line)
    quant = of.model.rpartition("-")[2]
    memory = {"weights_bytes": WEIGHT_BYTES[quant], "kv_bytes_per_token": 393_216, "workspace_bytes": None}
    return {
        "schema": SCHEMA,
        "run_id": run_id(at, number),
        "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "status": "ok",
        "reason": None,
        "lab": {"version": "0.1.0", "git_commit": None, "git_dirty": None, "python": "made up"},
        "protocol": PROTOCOL,
        "target": {"name": of.target, "spec": {"name": of.target}},
        "device": _device(of),
        "model": {"id": of.model, "label": of.model, "quant": quant, **MODEL},
        "weights": {"key": KEY, "source": "unknown", "source_id": "made up", "synthetic": False, "layout": "n16k4"},
        "engine": {"name": of.engine, "versions": {}, "requested": "made up", "effective": "made up", "threads": 2},
        "bundle": {
            "key": KEY,
            "decode_weight_bytes_per_token": WEIGHT_BYTES[quant],
            "kv_bytes_per_token": 393_216,
            "memory": memory,
        },
        "plan": {**PLAN, "cells": [_shape(place) for place in range(len(SHAPES))]},
        "verify": {"rel_error": 0.01, "rel_error_max": 0.05, "argmax_match": True, "passed": True},
        **_roofs(of, WEIGHT_BYTES[quant]),
        "cells": [_cell(made, session, line, place) for place in range(len(SHAPES))],
        "time_s": {"compile": None, "convert": None, "runner": None, "measure": 60.0, "total": 61.0},
        "tags": list(tags(session)),
        "revision": {"commit": commit(session), "dirty": False},
    }


def _device(of: Line) -> dict[str, Any]:
    facts = {"cpu_model": f"a made-up {of.target.removeprefix('demo-')}", "cores": 2, "mem_total_bytes": 8 << 30}
    return {"serial_hash": of.target, "emulated": of.target.startswith("emulated"), "facts": facts}


def _roofs(of: Line, weight_bytes: int) -> dict[str, Any]:
    """Roofs that the line's levels are a plausible part of, each measured before and after."""
    level = dict(zip(METRICS, level_of(of).tolist(), strict=True))
    bandwidth = level["decode_tok_per_s"] * weight_bytes / PART_OF_ROOF
    int8 = level["prefill_tok_per_s"] * OPS_PER_TOKEN / PART_OF_ROOF
    passes = {"int8_ops_per_s": [int8], "f32_ops_per_s": [int8 / 4], "int4_ops_per_s": [int8]}
    loops = {"int8_loop": "made up", "f32_loop": "made up", "int4_loop": "made up"}
    return {
        "bandwidth": {"threads": 2, "before": [bandwidth], "after": [bandwidth * 0.99], "loop": "made up"},
        "peak": {"threads": 2, "before": passes, "after": passes, "reason_before": None, "reason_after": None, **loops},
    }


def _shape(place: int) -> dict[str, int]:
    return dict(zip(("prompt", "generate", "depth"), SHAPES[place], strict=True))


def _cell(made: World, session: int, line: int, place: int) -> dict[str, Any]:
    if made.failed[line, session, place]:
        lost = {"index": 0, "order": place * 3, "status": "failed", "reason": REASON}
        return {**_shape(place), "status": "failed", "reason": None, "repetitions": [lost], "memory": None}
    values = dict(zip(METRICS, made.values[line, session, place].tolist(), strict=True))
    spread = float(made.spread[line, session, place])
    factors = [1 + (index - 1) * spread for index in range(3)]
    repetitions = [_repetition(values, place, index, factor, made.gaps) for index, factor in enumerate(factors)]
    return {**_shape(place), "status": "ok", "reason": None, "repetitions": repetitions, "memory": _memory(values)}


def _memory(values: dict[str, float]) -> dict[str, Any]:
    """Memory over time, up to the peak of the repetitions."""
    peak = int(values["rss_peak_bytes"])
    samples = [[round(0.1 * step, 1), int(peak * min(1.0, 0.4 + 0.1 * step))] for step in range(12)]
    parts = {"rss_anon_peak_bytes": peak // 6, "weights_bytes": None, "kv_bytes": None, "workspace_bytes": None}
    return {"counter": "VmHWM", "rss_peak_bytes": peak, **parts, "samples": samples}


def _gaps(gap_s: float, count: int) -> list[float]:
    """Gaps between tokens whose median is `gap_s`: half of them are that, the last one is twice as long."""
    off = (0.0, -1.0, 0.0, 1.0)
    gaps = [gap_s * (1 + off[step % 4] * 0.01 * (1 + step % 5)) for step in range(count - 1)]
    return [*gaps, 2 * gap_s]


def _repetition(values: dict[str, float], place: int, index: int, factor: float, count: int) -> dict[str, Any]:
    """One of three whose medians are the session's values: the outer two lie as far off on either side."""
    found = {name: value * factor for name, value in values.items()}
    gaps = _gaps(1 / found["decode_tok_per_s"], count)
    stamps = 1_500_000_000 + np.rint(np.cumsum([0.0, *gaps]) * 1e9).astype(int)
    clocks = [2_400.0, 2_400.0]
    return {
        **found,
        "index": index,
        "order": place * 3 + index,
        "status": "ok",
        "reason": None,
        "ttst_s": gaps[0],
        "itl_s": gaps,
        "submit_ns": 1_000_000_000,
        "token_ns": stamps.tolist(),
        "rss_peak_bytes": int(found["rss_peak_bytes"]),
        "rss_peak_counter": "VmHWM",
        "swap_bytes": 0,
        "major_faults": 0,
        "warmup": {"count": 3, "stable": True, "decode_s": [2 * gaps[0], gaps[0], gaps[0]]},
        "gate": {"kept": True, "waited_s": 0.0, "reason": None},
        "state_before": {"load1": 0.25, "temp_c": {"made_up": 41.0 + place}, "cpu_mhz": clocks},
        "state_during": {"load1": 1.0, "temp_c": {"made_up": 44.0 + place}, "cpu_mhz": clocks},
        "state_after": {"load1": 1.5, "temp_c": {"made_up": 46.0 + place}, "cpu_mhz": clocks},
        "throttled": False,
        "bandwidth_bytes_per_s": [],
        "tokens_sha256": KEY,
    }
