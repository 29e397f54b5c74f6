"""Hand-made recorded runs, as the JSON documents that profiles/ holds.

The times are chosen so that every derived number is known: see `repetition`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from lab.formats.run_record import RunRecord, from_json
from tests.formats.samples import RUN

GIB = 1 << 30
MIB = 1 << 20


def repetition(
    index: int,
    decode_tok_per_s: float = 10.0,
    prefill_tok_per_s: float = 50.0,
    prompt: int = 512,
    generate: int = 128,
) -> dict[str, Any]:
    """One finished repetition: a token every 1/decode_tok_per_s, the first after prompt/prefill_tok_per_s."""
    submit, first, gap = 1_000_000_000, round(prompt / prefill_tok_per_s * 1e9), round(1e9 / decode_tok_per_s)
    stamps = [submit + first + gap * i for i in range(generate)]
    return {
        "index": index,
        "order": index,
        "status": "ok",
        "reason": None,
        "prefill_tok_per_s": prefill_tok_per_s,
        "decode_tok_per_s": decode_tok_per_s,
        "ttft_s": first / 1e9,
        "ttst_s": gap / 1e9,
        "load_s": 0.8,
        "itl_s": [gap / 1e9] * (generate - 1),
        "submit_ns": submit,
        "token_ns": stamps,
        "rss_peak_bytes": 3 * GIB + index * MIB,
        "rss_peak_counter": "VmHWM",
        "swap_bytes": 0,
        "major_faults": 3,
        "warmup": {"count": 4, "stable": True, "decode_s": [0.11, 0.101, 0.1, 0.1]},
        "gate": {"kept": True, "waited_s": 0.4, "reason": None},
        "state_before": {"load1": 0.1, "busy_fraction": 0.02, "cpu_mhz": [2900.0, 2900.0]},
        "state_during": {"load1": 1.4, "busy_fraction": 0.99, "cpu_mhz": [3100.0, 3100.0]},
        "state_after": {"load1": 1.9, "busy_fraction": 0.05, "cpu_mhz": [2950.0, 2950.0]},
        "throttled": None,
    }


def failed_repetition(index: int, reason: str) -> dict[str, Any]:
    """A repetition that ended without numbers."""
    empty = dict.fromkeys(repetition(index))
    return {
        **empty,
        "index": index,
        "order": index,
        "status": "failed",
        "reason": reason,
        "itl_s": [],
        "token_ns": [],
    }


def cell(
    decodes: Sequence[float] = (9.8, 9.9, 10.0, 10.1, 10.2),
    prefills: Sequence[float] = (48.0, 49.0, 50.0, 51.0, 52.0),
    prompt: int = 512,
    generate: int = 128,
    depth: int = 0,
) -> dict[str, Any]:
    """A cell with one repetition for each pair of rates, and its memory pass."""
    pairs = enumerate(zip(decodes, prefills, strict=True))
    return {
        "prompt": prompt,
        "generate": generate,
        "depth": depth,
        "status": "ok",
        "reason": None,
        "repetitions": [repetition(i, d, p, prompt, generate) for i, (d, p) in pairs],
        "memory": {
            "counter": "VmHWM",
            "rss_peak_bytes": 3 * GIB,
            "rss_anon_peak_bytes": 1 * GIB,
            "weights_bytes": 2 * GIB,
            "kv_bytes": 240 * MIB,
            "workspace_bytes": 90 * MIB,
            "samples": [[0.0, GIB], [0.01, 3 * GIB]],
        },
    }


MODEL: dict[str, Any] = {
    **RUN["model"],
    "label": "phi3-mini-q4",
    "layers": 32,
    "sliding_window": None,
    "layer_weights": 3_623_878_656,
}
_TEST = {"prompt": 512, "generate": 128, "depth": 0}
_VERSIONS = {"tvm": "0.27.0", "tvm_ffi": "0.1.15", "llvm": "22.1", "lab": "0.1.0", "kernels": "beef"}
# The sound record of tests/formats, of a whole model, five repetitions and two roofs; no tags and no revision.
DOCUMENT: dict[str, Any] = {
    **{key: value for key, value in RUN.items() if key not in ("tags", "revision")},
    "lab": {**RUN["lab"], "git_commit": "0123456789abcdef0123456789abcdef01234567", "git_dirty": False},
    "protocol": {**RUN["protocol"], "kv_counter": "allocated pages"},
    "target": {
        "name": "local",
        "spec": {"device": {"transport": "local"}, "measure": {"repeats": 5, "cv_gate": 0.05}},
    },
    "device": {
        "serial_hash": "5e884898da280471",
        "emulated": False,
        "facts": {
            "cpu_model": "Example CPU @ 2.90GHz",
            "cores": 2,
            "mem_total_bytes": 24 * GIB,
            "os": "Debian GNU/Linux 12",
            "kernel": "6.1.0",
            "governor": None,
        },
    },
    "model": MODEL,
    "weights": {**RUN["weights"], "key": "a" * 64},
    "engine": {**RUN["engine"], "versions": _VERSIONS, "effective": "cpu x86_64 avx512-vnni"},
    "bundle": {
        "key": "b" * 64,
        "decode_weight_bytes_per_token": 2_000_000_000,
        "kv_bytes_per_token": 393_216,
        "memory": {"weights_bytes": 2 * GIB, "kv_bytes_per_token": 393_216, "workspace_bytes": None},
    },
    "plan": {**RUN["plan"], "cells": [_TEST], "repeats": 5, "settings_fingerprint": "f00d"},
    "verify": {**RUN["verify"], "rel_error": 0.012},
    "bandwidth": {"threads": 2, "before": [31e9, 32e9, 33e9], "after": [32e9, 32e9], "loop": "avx512f 8x64 prefetch"},
    "peak": {
        "threads": 2,
        "before": {"int8_ops_per_s": [1.0e12, 1.1e12], "f32_ops_per_s": [2.0e11, 2.2e11]},
        "after": {"int8_ops_per_s": [1.0e12], "f32_ops_per_s": [2.0e11]},
        "int8_loop": "avx512-vnni",
        "f32_loop": "avx512f",
        "reason_before": None,
        "reason_after": None,
    },
    "cells": [cell()],
    "time_s": {"compile": 41.2, "convert": 62.0, "runner": 7.9, "measure": 130.4, "total": 243.1},
}

# The peak of a processor whose nibbles are summed up faster than its bytes; DOCUMENT's is of before that was measured.
PEAK_OF_NIBBLES: dict[str, Any] = {
    **DOCUMENT["peak"],
    "before": {**DOCUMENT["peak"]["before"], "int4_ops_per_s": [1.6e12, 1.7e12]},
    "after": {**DOCUMENT["peak"]["after"], "int4_ops_per_s": [1.5e12]},
    "int8_loop": "avx2 8x32",
    "int4_loop": "avx2 4x32 int16",
}


def document(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the sound document, with top-level parts replaced."""
    return {**copy.deepcopy(DOCUMENT), **copy.deepcopy(changes)}


def record(**changes: Any) -> RunRecord:
    """The same, decoded."""
    return from_json(document(**changes))


def gpu_document(type_: str = "gpu", *, fell_back: bool = False, profile: bool = False) -> dict[str, Any]:
    """What differs in a run on an OpenCL device whose driver says that it is of `type_`."""
    ran_on = {"device": "opencl", "pool": "none", "gpu": {"device": "Example GPU", "type": type_, "driver": "1.2"}}
    one = cell()
    for repetition_ in one["repetitions"]:
        repetition_["gpu"] = {"launches_per_token": 228.0, "prefill_launches": 300, "build_s": 3.5}
    if profile:
        kernels = [{"kernel": f"kernel_{i}", "count": 10 * i, "total_s": 0.6 / 2**i} for i in range(1, 13)]
        one["profile"] = {"prefill": kernels[:1], "decode": kernels, "decode_steps": 127}
    return {
        "engine": {
            **DOCUMENT["engine"],
            "requested": "opencl any-f16",
            "effective": f"opencl Example GPU (Example CL 1.2 {type_.upper()} device)",
            "ran_on": ran_on,
            "fell_back": fell_back,
        },
        "bundle": {
            **DOCUMENT["bundle"],
            "decode": {"launches": 228, "bytes": 2_100_000_000},
            "mlc_quantisation": "q4f16_0",
            "unverified_on_device": ["no kernel ran on a GPU of this family"],
        },
        "weights": {**DOCUMENT["weights"], "layout": "mlc-kn"},
        "cells": [one],
    }
