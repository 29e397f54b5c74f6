"""Sound documents of every format, small enough to read, for tests to break."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from lab.formats.run_record import RunRecord, from_json

KEY = "ab" * 32

MODEL: dict[str, Any] = {
    "id": "phi3-mini-q4",
    "label": "phi3-mini-q4@2l",
    "preset": "phi3-mini",
    "quant": "q4",
    "layers": 2,
    "layers_total": 32,
    "parameters": 3821079552,
    "vocab_size": 32064,
    "hidden_size": 3072,
    "head_dim": 96,
    "num_kv_heads": 32,
    "context_max": 4096,
    "sliding_window": 2047,
    "kv_dtype": "float16",
    "layer_weights": 226492416,
    "head_weights": 98500608,
}
WEIGHTS: dict[str, Any] = {
    "key": KEY,
    "source": "synthetic",
    "source_id": "seed 0",
    "synthetic": True,
    "layout": "n16k4",
}
MEMORY: dict[str, Any] = {"weights_bytes": 6144, "kv_bytes_per_token": 24576, "workspace_bytes": None}

BUNDLE: dict[str, Any] = {
    "schema": 1,
    "kind": "bundle",
    "key": KEY,
    "created_at": "2026-11-23T21:00:00Z",
    "model": MODEL,
    "weights": WEIGHTS,
    "target": {
        "name": "local",
        "kind": "llvm",
        "mtriple": "x86_64-unknown-linux-gnu",
        "cpu": "native",
        "isa": "avx512-vnni",
        "features": ["+avx512vnni"],
        "required_features": ["avx512_vnni"],
    },
    "versions": {"lab": "0.1.0", "tvm": "0.27.0", "tvm_ffi": "0.1.15", "llvm": "18.1", "kernels": "0f" * 6},
    "files": [
        {"name": "model.so", "size": 3, "sha256": KEY},
        {"name": "weights.bin", "size": 6144, "sha256": KEY},
    ],
    "tensors": [
        {"name": "model.norm.weight", "dtype": "float32", "shape": [768], "offset": 0, "nbytes": 3072},
        {"name": "lm_head.q_weight", "dtype": "uint8", "shape": [2, 1024], "offset": 4096, "nbytes": 2048},
    ],
    "memory": MEMORY,
    "decode_weight_bytes_per_token": 5120,
    "verify": {
        "prompt_ids": [1, 5],
        "logit_ids": [0, 9],
        "logits": [0.5, -1.25],
        "rel_error_max": 0.05,
        "kv_overflow_layers": [],
    },
}
WEIGHTS_FOLDER: dict[str, Any] = {
    **{key: value for key, value in BUNDLE.items() if key not in ("target", "versions")},
    "kind": "weights",
    "files": BUNDLE["files"][1:],
}
LIBRARY: dict[str, Any] = {
    **{key: BUNDLE[key] for key in ("schema", "key", "created_at", "model", "target", "versions")},
    "kind": "library",
    "files": BUNDLE["files"][:1],
    "options": {"opt": 3},
}

REPETITION: dict[str, Any] = {
    "index": 0,
    "order": 0,
    "status": "ok",
    "reason": None,
    "prefill_tok_per_s": 64.25,
    "decode_tok_per_s": 10.0,
    "ttft_s": 0.5,
    "ttst_s": 0.1,
    "load_s": 1e-05,
    "itl_s": [0.1, 0.1],
    "submit_ns": 1_000_000_000,
    "token_ns": [1_500_000_000, 1_600_000_000, 1_700_000_000],
    "rss_peak_bytes": 2_500_000_000,
    "rss_peak_counter": "VmHWM",
    "swap_bytes": 0,
    "major_faults": 3,
    "warmup": {"count": 3, "stable": True, "decode_s": [0.2, 0.1, 0.1]},
    "gate": {"kept": True, "waited_s": 0.0, "reason": None},
    "state_before": {"load1": 0.25, "temp_c": {"x86_pkg": 41.0}},
    "state_during": None,
    "state_after": {"load1": 1.5},
    "throttled": False,
    "bandwidth_bytes_per_s": [41e9, 42e9],
    "tokens_sha256": KEY,
}
RUN: dict[str, Any] = {
    "schema": 1,
    "run_id": "20261123-210000-ab12cd",
    "created_at": "2026-11-23T21:00:00Z",
    "status": "ok",
    "reason": None,
    "lab": {"version": "0.1.0", "git_commit": None, "git_dirty": None, "python": "3.11.7"},
    "protocol": {
        "version": 1,
        "sampling": "argmax, inside the timed region",
        "tokenising": "outside",
        "eos": "ignored",
        "kv_counter": "planned",
        "memory_counter": "VmHWM",
    },
    "target": {"name": "local", "spec": {"name": "local", "device": {"transport": "local"}}},
    "device": {"serial_hash": KEY, "emulated": False, "facts": {"cpu_model": "Über-CPU ™", "cores": 2}},
    "model": MODEL,
    "weights": WEIGHTS,
    "engine": {
        "name": "tvm",
        "versions": {"tvm": "0.27.0"},
        "requested": "llvm avx512-vnni",
        "effective": "avx512-vnni",
        "threads": 2,
    },
    "bundle": {
        "key": KEY,
        "decode_weight_bytes_per_token": 5120,
        "kv_bytes_per_token": 24576,
        "memory": MEMORY,
    },
    "plan": {
        "cells": [{"prompt": 32, "generate": 3, "depth": 0}],
        "repeats": 1,
        "prefill_chunk": 512,
        "warmup_cap": 8,
        "warmup_spread": 0.05,
        "cv_gate": 0.05,
        "max_busy": 0.3,
        "gate_timeout_s": 15.0,
        "timeout_s": 1800.0,
        "threads": 2,
        "seed": 0,
        "settings_fingerprint": "f1",
    },
    "verify": {"rel_error": 0.01, "rel_error_max": 0.05, "argmax_match": True, "passed": True},
    "bandwidth": {"threads": 2, "before": [2.1e10], "after": [2.0e10], "loop": "avx2 4x32"},
    "peak": {
        "threads": 2,
        "before": {"int8_ops_per_s": [1.0e12], "f32_ops_per_s": [2.5e11], "int4_ops_per_s": [1.1e12]},
        "after": {"int8_ops_per_s": [], "f32_ops_per_s": [], "int4_ops_per_s": []},
        "int8_loop": "avx512-vnni",
        "f32_loop": "avx512f",
        "reason_before": None,
        "reason_after": "killed by SIGILL",
        "int4_loop": "avx512-vnni",
    },
    "cells": [
        {
            "prompt": 32,
            "generate": 3,
            "depth": 0,
            "status": "ok",
            "reason": None,
            "repetitions": [REPETITION],
            "memory": {
                "counter": "VmHWM",
                "rss_peak_bytes": 2_500_000_000,
                "rss_anon_peak_bytes": 400_000_000,
                "weights_bytes": 2_000_000_000,
                "kv_bytes": 14_000_000,
                "workspace_bytes": None,
                "samples": [[0.0, 1000], [0.01, 2000]],
            },
        }
    ],
    "time_s": {"compile": None, "convert": 1.5, "runner": None, "measure": 3.0, "total": 5.0},
    "tags": ["nightly"],
    "revision": {"commit": "0" * 40, "dirty": False},
}


def copy_of(document: dict[str, Any]) -> dict[str, Any]:
    """A copy that a test may break."""
    return copy.deepcopy(document)


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at `path` (`model.layers`, `files.0.name`) replaced or added."""
    result = copy_of(document)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = result
    for part in parents:
        place = place[part]
    place[last] = value
    return result


def record(run_id: str = RUN["run_id"], **changes: Any) -> RunRecord:
    """A sound record; `changes` replace top-level keys."""
    return from_json({**copy_of(RUN), "run_id": run_id, **changes})


def whole_files(folder: Path) -> list[Path]:
    """Everything in the folder that is not hidden."""
    return sorted(path for path in folder.rglob("*") if not path.name.startswith("."))


def leftovers(folder: Path) -> list[Path]:
    """Every hidden thing in the folder: temporaries that somebody forgot."""
    return sorted(path for path in folder.rglob("*") if path.name.startswith("."))
