"""Sound documents and files that mutations begin with."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from typing import Any

from benchmarks.fuzz.targets import CASES, FOREIGN, loaded

MEMBER = "tvm/lib/libtvm_runtime.so"
RUNS = [loaded(CASES / f"run-{name}.json") for name in ("escapes", "cpu-model-is-a-list", "profile-of-numbers")]
RUNS[1]["device"]["facts"] = {"cpu_model": "x", "cores": 2}
RUNS[2]["cells"][0]["profile"] = {"decode": [{"kernel": "k", "count": 1, "total_s": 0.5}], "reason": "x"}
PROBE = loaded(CASES / "probe-cpu-model-is-a-table.json")
PROBE["device"]["facts"] = {"cpu_model": "x"}
TARGET = b"""schema = 1
name = "x"
description = "d"
[device]
transport = "ssh"
[adb]
address = "phone:5555"
[ssh]
host = "a.b"
port = 22
jump = "c:1"
[measure]
repeats = 5
"""
BOARD = b"""schema = 1
name = "x"
title = "t"
rows = ["target", "model"]
columns = ["metric"]
metrics = ["decode_tok_per_s"]
"""
FLOORS: dict[str, Any] = {
    "schema": 1,
    "target": "local",
    "created_at": "2026-11-24T10:00:00Z",
    "runs": ["20261124-100000-aaaaaa"],
    "floors": [{"metric": "ttft_s", "fraction": 0.1, "noise": 0.01, "cells": 1, "sessions": 5}],
}
ACCEPTED = (CASES / "accepted-inline-list.toml").read_bytes()
TABLES = ACCEPTED.replace(b"accepted = [{", b"[[accepted]]\n").replace(b", ", b"\n").replace(b"}]", b"")
LLAMA = [json.loads((FOREIGN / "llama-bench.json").read_bytes()), loaded(CASES / "llama-bench-escapes-in-lists.json")]
REPORTS = [json.loads((FOREIGN / name).read_bytes()) for name in ("pocketpal-samsung-s23.json", "mlperf-mobile.json")]
CONFIG = json.loads((CASES / "config-of-2-billion-layers.json").read_bytes()) | {"num_hidden_layers": 2}
INDEX = {"metadata": {"total_size": 1}, "weight_map": {"model.norm.weight": "a.safetensors", "x": "b.safetensors"}}
TENSORS = {"model.norm.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "__metadata__": {"a": "b"}}
STORED = {"name": "a", "shape": [4], "dtype": "float32", "format": "f32-to-bf16", "nbytes": 8, "byteOffset": 0}
SHARD = {"dataPath": "s.bin", "format": "raw-shard", "nbytes": 16, "records": [STORED]}
CACHE = {"metadata": {"ParamSize": 1}, "records": [SHARD]}
MANIFEST = json.loads((CASES / "runner-manifest-without-key.json").read_bytes()) | {"key": "ab" * 32, "compiler": "c"}
ELF = (
    *(b"\x7fELF\x02\x01\x01", bytes(9), struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)),
    *(struct.pack("<IIQQQQQQ", 2, 6, 120, 0, 0, 48, 0, 8), struct.pack("<qQqQqQ", 5, 0, 14, 1, 0, 0)),
)
MACHO = (
    struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 6, 2, 48, 0, 0),
    *(struct.pack("<II", 0x32, 24), bytes(40)),
)


def safetensors(header: bytes) -> bytes:
    """A file with that header and 16 bytes of numbers."""
    return struct.pack("<Q", len(header)) + header + bytes(16)


def wheel() -> bytes:
    """A wheel with one library."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, b"\x7fELF" * 50)
    return out.getvalue()


def archives() -> list[bytes]:
    """Archives of sources: plain and compressed, with a name that needs a member of its own."""
    made = [(CASES / "tvm-file-and-folder.tar.gz").read_bytes()]
    for mode in ("w", "w:gz", "w:xz"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as tar:
            for name in ("tvm/include/tvm/a.h", "tvm/src/runtime/" + "b" * 120 + ".cc"):
                info = tarfile.TarInfo(name)
                info.size = 20
                tar.addfile(info, io.BytesIO(b"x" * 20))
        made.append(out.getvalue())
    return made
