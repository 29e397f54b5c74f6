"""Sound documents and files that mutations begin with."""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz.targets import CASES, FOREIGN, loaded, seal

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
TENSORS = {"model.norm.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "__metadata__": {"a": "b"}}
STORED = {"name": "a", "shape": [4], "dtype": "float32", "format": "f32-to-bf16", "nbytes": 8, "byteOffset": 0}
SHARD = {"dataPath": "s.bin", "format": "raw-shard", "nbytes": 16, "records": [STORED]}
CACHE = {"metadata": {"ParamSize": 1}, "records": [SHARD]}
MANIFEST = json.loads((CASES / "runner-manifest-without-key.json").read_bytes()) | {"key": "ab" * 32, "compiler": "c"}
ELF = (
    *(b"\x7fELF\x02\x01\x01", bytes(9), struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)),
    struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 257, 4096, 16384),
    struct.pack("<IIQQQQQQ", 2, 6, 193, 0, 0, 64, 0, 8),
    *(b"\0libx.so\0liby.so\0", struct.pack("<qQqQqQqQ", 5, 176, 14, 1, 1, 9, 0, 0)),
)
_NAMED = (
    struct.pack("<6I", 0x0D, 40, 24, 0, 0, 0) + b"@rpath/x.dylib\0\0",
    struct.pack("<6I", 0x0C, 40, 24, 0, 0, 0) + b"/usr/lib/x.dylb\0",
)
MACHO = (
    struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, 3, 104, 0, 0),
    *(*_NAMED, struct.pack("<6I", 0x32, 24, 1, 11 << 16, 27 << 16, 0)),
)


def archive() -> bytes:
    """An archive of runs as `lab store compact` writes it."""
    from lab.store.archive_file import Document, member_of, write_members

    contents = {f"20261123T210000Z--x--{run['run_id'][:-1]}{at}.json": run for at, run in enumerate(RUNS)}
    made = [(name, json.dumps(seal(run)).encode()) for name, run in contents.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        write_members(path, [Document(member_of(name, content), content) for name, content in made])
        return path.read_bytes()


def odd_archive(rng: random.Random) -> bytes:
    """A sound Parquet file whose columns hold what they should not, or are not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.fuzz import mutate
    from lab.store.archive_file import SCHEMA, SCHEMA_KEY

    content = json.dumps(seal(mutate.of_json(rng, rng.choice(RUNS)))).encode()
    name = f"20261123T210000Z--x--{RUNS[0]['run_id']}.json"
    row: dict[str, Any] = {"name": name, "stamp": "20261123T210000Z", "run_id": RUNS[0]["run_id"], "label": "x"}
    row |= {"sha256": hashlib.sha256(content).hexdigest(), "document": content}
    for key in rng.sample(sorted(row), rng.choice((0, 0, 1, 2))):
        row[key] = rng.choice(("", mutate.ESCAPES, "../../x", None, 5, b"\xff", ["a"], {"a": 1}, "x" * 40_000))
        if rng.random() < 0.2:
            del row[key]
    table = pa.Table.from_pylist([row] * rng.choice((0, 1, 1, 2))) if row else pa.table({})
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({SCHEMA_KEY: SCHEMA.encode()}), out)
    return out.getvalue()


@cache
def weights() -> dict[str, bytes]:
    """The files of a small network: config.json, one shard, the index."""
    from safetensors.numpy import save

    from lab.models.params import tensor_specs
    from lab.models.phi3 import hf

    names = {one.hf_name: np.zeros(one.shape, np.float16) for one in tensor_specs(hf.config_of(CONFIG))}
    index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, "a.safetensors")}
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "a.safetensors": save(names),
        "model.safetensors.index.json": json.dumps(index).encode(),
    }


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
