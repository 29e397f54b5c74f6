"""What a setting was where a version of its tool had no column for it.

Taken from llama-bench's own sources, from 2023 to 2026. A setting is only here when a version that lacks the column
did what the default of the first version with it does, so that a column that comes or goes at its default changes
nothing. Left out are settings that depend on the machine (threads, layers on the GPU).
"""

from __future__ import annotations

# Values in the spelling of lab.analysis.points.settings.
# fmt: off
LLAMA_BENCH = {
    "n_batch": "2048", "n_ubatch": "512", "cpu_mask": "0x0", "cpu_strict": "0", "poll": "50", "type_k": "f16",
    "type_v": "f16", "n_cpu_moe": "0", "split_mode": "layer", "main_gpu": "0", "no_kv_offload": "0",
    "flash_attn": "0", "devices": "auto", "tensor_split": "0", "tensor_buft_overrides": "none", "load_mode": "mmap",
    "lazy_mode": "auto", "embeddings": "0", "no_op_offload": "0", "no_host": "0", "repack": "1", "fit_target": "0",
    "fit_min_ctx": "0", "mul_mat_q": "1", "low_vram": "0", "rpc_servers": "", "defrag_thold": "-1",
}
# Of a plan of lab's own: what lab.measure.plan.Plan has where nobody says otherwise.
OWN = {
    "cells": "()", "repeats": "5", "threads": "1", "prefill_chunk": "512", "warmup_cap": "8", "warmup_spread": "0.05",
    "cv_gate": "0.05", "max_busy": "0.3", "max_temp_c": "80", "gate_timeout_s": "15", "timeout_s": "1800", "seed": "0",
    "memory_interval_ms": "10", "memory_generate": "16", "sample_interval_s": "0.5", "bandwidth_bytes": "536870912",
    "bandwidth_passes": "8", "peak_passes": "8", "profile": "0",
    "adapts": "0", "precision": "0.05", "budget_s": "120", "lengths": "None",
}
# fmt: on
DEFAULTS = {"llama-bench": LLAMA_BENCH}
COLUMNS = tuple(sorted(LLAMA_BENCH))
# The settings of a tool that lab knows, those in an object by the object's name.
KNOWN = {
    "llama-bench": {*LLAMA_BENCH, "n_gpu_layers"},
    "pocketpal": {"init_settings", "effective_init_params", "settings_overrides"},
    "mlperf-mobile": {"scenario", "dataset", "backend_settings"},
}
OURS = {"backend", "threads", "weights", "layers", "protocol", "emulated"}


def is_known(protocol: str, name: str) -> bool:
    """Whether a field of conditions is a setting that lab knows; all of lab's own runs are."""
    known = KNOWN.get(protocol)
    return known is None or name in OURS or name.partition(".")[0] in known
