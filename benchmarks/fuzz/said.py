"""What devices say when nothing is wrong with it."""

from __future__ import annotations

from typing import Any

RAN_ON = {
    **{"device": "cpu", "arch": "x86_64", "cpu_model": "Example 9000", "features": ["avx2"], "isa": "avx2"},
    **{"engine": "tvm 0.27.0", "threads": 2, "pool": "lab", "bound": False, "metadata": {"isa": "avx2"}},
}
COUNTERS = {"VmHWM": 92800, "VmRSS": 80000, "RssAnon": 70000, "RssFile": 10000, "VmSwap": 0, "major_faults": 2}
EVENTS: list[dict[str, Any]] = [
    {"event": "start", "protocol": 1, "runner": "fake 0", "t_ns": 5, "threads": 2, "pid": 12427},
    {"event": "loaded", "t_ns": 7, "load_ns": 2, "weights_bytes": 4096, "kv_bytes": 2800, "ran_on": RAN_ON},
    {"event": "verify", "rel_error": 0.001, "rel_error_max": 0.05, "argmax_match": True, "passed": True},
    {"event": "warmup", "index": 0, "prefill_ns": 50, "decode_ns": [20, 20]},
    {"event": "warm", "count": 1, "stable": True},
    {"event": "submit", "t_ns": 70, "prompt": 8, "depth": 0},
    {"event": "token", "i": 0, "t_ns": 704, "id": 0},
    {"event": "token", "i": 1, "t_ns": 706, "id": 1},
    {"event": "memory", "counters": COUNTERS, "rss_anon_peak_bytes": 7, "workspace_bytes": 6, "samples": [[5, 1]]},
    {"event": "end", "t_ns": 800, "status": "ok", "prompt_tokens": 8, "generated_tokens": 2},
]
FALLEN = [EVENTS[0], {"event": "error", "where": "load", "message": "m"}]
ROW = {
    **{
        "build_commit": "a",
        "build_number": 1,
        "backends": "CPU",
        "model_type": "m",
        "model_size": 5,
        "n_gpu_layers": 9,
    },
    **{"model_n_params": 6, "n_batch": 8, "n_ubatch": 8, "n_threads": 2, "type_k": "f16", "type_v": "f16"},
    **{"n_prompt": 1, "n_gen": 0, "n_depth": 0, "samples_ns": [5, 6]},
}
# The same of ik_llama.cpp: a decode after a prompt.
IK_ROW = {
    **{name: value for name, value in ROW.items() if name not in ("backends", "n_depth")},
    **{"cuda": False, "rpc": "0", "n_prompt": 64, "n_gen": 8, "test": "tg8@pp64", "repack": True, "flash_attn": True},
}
WATCHED = {
    "watched": {
        "counters": {"VmHWM": 1, "major_faults": 0, "VmSwap": None},
        "rss_anon_peak_bytes": None,
        "samples": [[0.1, 5]],
    }
}
PROGRESS = ({"phase": "x", "total": 1.0, "unit": "B"}, {"note": "x"}, {"advance": 1})
ADB = (
    b"CNXN"
    + (1).to_bytes(4, "little") * 2
    + (28).to_bytes(4, "little")
    + bytes(4)
    + b"\xbc\xb1\xa7\xb1device::features=shell_v2,cmd",
    b"AUTH" + (1).to_bytes(4, "little") + bytes(4) + b"\x14" + bytes(7) + b"\xbe\xaa\xab\xb7" + bytes(20),
    b"OKAY0008abcdefgh",
    b"FAIL0004nope",
    b"OKAY002aSERIAL  device model:Pixel_8 transport_id:1",
)
SHELL = (b"\x01\x05\x00\x00\x00hello\x02\x03\x00\x00\x00err\x03\x01\x00\x00\x00\x00",)
