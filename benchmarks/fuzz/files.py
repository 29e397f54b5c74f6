"""Readers of files: records, definitions, results of other programs, weights, archives, libraries."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.fuzz.samples import (
    ACCEPTED,
    BOARD,
    CACHE,
    CONFIG,
    ELF,
    FLOORS,
    LLAMA,
    MACHO,
    MANIFEST,
    MEMBER,
    PROBE,
    REPORTS,
    RUNS,
    TABLES,
    TARGET,
    TENSORS,
    archives,
    odd_archive,
    safetensors,
    weights,
    wheel,
)
from benchmarks.fuzz.samples import (
    archive as sound_archive,
)
from benchmarks.fuzz.targets import CASES, FOREIGN, Target, document, put, raw, samples, sealed, text
from lab.core.home import using_home

INDEX = "model.safetensors.index.json"


def targets() -> list[Target]:
    """Return every reader of files."""
    return [*_own(), *_foreign(), *_weights(), *_binaries()]


def _home(call: Callable[[], object]) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        with using_home(path.parent):
            return call()

    return read


def _own() -> list[Target]:
    from lab import store
    from lab.core.lock import device_lock, lock_file
    from lab.devices.adb.address import address_of
    from lab.formats import acks, calibration
    from lab.formats.dashboard import read_dashboard
    from lab.formats.target import read_target
    from lab.ondevice.verify_folder import published, read_published
    from lab.store import probes
    from lab.store.archive_file import read_index, read_member

    def archive(path: Path) -> None:
        for member in read_index(path)[:3]:
            read_member(path, member.name)

    def holder(folder: Path, data: bytes) -> None:
        os.environ["LAB_LOCKS"] = str(folder / "locks")
        with device_lock("x", "y"):
            lock_file("x").write_bytes(data)
            with device_lock("x", "z"):
                pass

    return [
        Target("run", sealed(*RUNS), put("run.json", store.load)),
        Target("run as bytes", raw(*samples(CASES, "run-escapes.json")), put("run.json", store.load)),
        Target("probe", sealed(PROBE), put("probe.json", probes.load)),
        Target("floors", sealed(FLOORS), put("local.json", calibration.load)),
        Target("target", text(TARGET), put("x.toml", lambda path: address_of(read_target(path)))),
        Target("dashboard", text(BOARD), put("x.toml", read_dashboard)),
        Target("accepted", text(ACCEPTED, TABLES), put("accepted.toml", _home(lambda: acks.remove([0])))),
        Target("lock", document({"pid": 1, "what": "x", "command": ["y"]}), holder),
        Target("archive by structure", odd_archive, put("x.parquet", archive)),
        Target("archive", raw(sound_archive(), *samples(CASES, "archive-2026-11.parquet")), put("x.parquet", archive)),
        Target("manifest", document(MANIFEST), put("manifest.json", lambda path: published(path.parent))),
        Target("manifest read", document(MANIFEST), put("manifest.json", lambda path: read_published(path.parent))),
    ]


def _foreign() -> list[Target]:
    from lab.analysis.exchange.imports.import_runs import records_of
    from lab.analysis.exchange.readers.files import ReadFile, read_file
    from lab.formats.digested import plain
    from lab.formats.run_record import from_json, to_json

    def _stored(found: ReadFile) -> None:
        for record in records_of(found):
            from_json(plain(to_json(record), where="import"))

    def imported(name: str) -> Callable[[Path, bytes], object]:
        return put(name, lambda path: _stored(read_file(path, "box")))

    return [
        Target("llama-bench json", document(*LLAMA), imported("x.json")),
        Target("llama-bench jsonl", raw(*samples(FOREIGN, "llama-bench.jsonl")), imported("x.jsonl")),
        Target("llama-bench csv", raw(*samples(FOREIGN, "llama-bench.csv")), imported("x.csv")),
        Target("llama-bench sql", raw(*samples(FOREIGN, "llama-bench.sql", "llama-bench-old.sql")), imported("x.sql")),
        Target("reports", document(*REPORTS), imported("x.json")),
        Target("own run", sealed(*RUNS), put("x.json", lambda path: _stored(read_file(path, None)))),
    ]


def _weights() -> list[Target]:
    from lab.models.params import check_sizes, weights_bytes
    from lab.models.phi3 import hf
    from lab.models.quant import SCHEMES
    from lab.models.sources import HuggingFaceSource, MlcSource
    from lab.models.sources.files import read_document
    from lab.models.sources.tensors import read_table

    def config(path: Path) -> None:
        found = hf.config_of(read_document(path))
        check_sizes(found)
        weights_bytes(found, SCHEMES["q4"])

    def index(path: Path) -> None:
        for name in ("config.json", "a.safetensors"):
            (path.parent / name).write_bytes(weights()[name])
        HuggingFaceSource(path.parent)

    def cache(path: Path) -> None:
        (path.parent / "s.bin").write_bytes(bytes(16))
        (path.parent / "mlc-chat-config.json").write_text(
            json.dumps({"quantization": "q4f16_1", "model_config": CONFIG})
        )
        MlcSource(path.parent, hf.config_of(CONFIG))

    tensors = document(TENSORS)
    whole = safetensors(json.dumps(TENSORS).encode())
    return [
        Target("config.json", document(CONFIG), put("config.json", config)),
        Target("weights index", document(json.loads(weights()[INDEX])), put(INDEX, index)),
        Target("safetensors", lambda rng: safetensors(tensors(rng)), put("x.safetensors", read_table)),
        Target("safetensors as bytes", raw(whole), put("x.safetensors", read_table)),
        Target("mlc cache", document(CACHE), put("tensor-cache.json", cache)),
    ]


def _binaries() -> list[Target]:
    from lab.ondevice.android.tvm_source import unpack
    from lab.ondevice.device_wheels import extract
    from lab.ondevice.elf import read_dynamic
    from lab.ondevice.macho import check_macho

    sources, wheels = archives(), (*samples(CASES, "damaged-directory.whl"), wheel())
    return [
        Target("wheel", raw(*wheels), put("x.whl", lambda path: extract(path, MEMBER, path.parent / "out"))),
        Target("tvm archive", raw(*sources), lambda folder, data: unpack(io.BytesIO(data), "x", folder)),
        Target("elf", raw(b"".join(ELF)), put("x.so", read_dynamic)),
        Target("mach-o", raw(b"".join(MACHO)), put("x.dylib", lambda path: check_macho(path, "library"))),
    ]
