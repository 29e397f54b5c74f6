"""profiles/<target>/probes/: whole, digested, and in nobody's way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import StoreError
from lab.core.fields import encode
from lab.formats.digested import read_digested
from lab.formats.probe_record import ProbeRecord, from_json
from lab.store import probes
from tests.formats.samples import RUN, changed, leftovers

COUNT: dict[str, Any] = {
    "threads": 1,
    "read_bytes_per_s": [4.0e10, 4.2e10, 4.1e10],
    "int8_ops_per_s": [1.15e12, 1.15e12, 1.14e12],
    "f32_ops_per_s": [2.88e11, 2.87e11, 2.88e11],
    "read_reason": None,
    "peak_reason": None,
    "int4_ops_per_s": [1.2e12, 1.2e12, 1.2e12],
}
PROBE: dict[str, Any] = {
    "schema": 1,
    "probe_id": "20261124-063452-faea79",
    "created_at": "2026-11-24T06:34:52Z",
    "lab": RUN["lab"],
    "target": RUN["target"],
    "device": RUN["device"],
    "runner": {"key": "ab" * 32, "compiler": "g++ 12", "tvm": "0.27.0"},
    "settings": {"bandwidth_bytes": 536870912, "bandwidth_passes": 8, "peak_passes": 8},
    "gate": {"kept": True, "waited_s": 0.4, "reason": None, "busy_fraction": 0.02},
    "state": {"load1": 0.1},
    "loops": {"read": "avx512f", "int8": "avx512-vnni", "f32": "avx512f", "int4": "avx512-vnni"},
    "counts": [COUNT, {**COUNT, "threads": 2, "read_bytes_per_s": [], "read_reason": "killed by SIGBUS"}],
}


def probe(**changes: Any) -> ProbeRecord:
    return from_json({**PROBE, **changes}, where="sample")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def test_what_is_saved_is_loaded(home: Path) -> None:
    path = probes.save(probe())
    name = "20261124T063452Z--20261124-063452-faea79.json"
    assert path == home / "profiles" / "local" / "probes" / name
    assert probes.load(path) == probe()
    assert encode(probe()) == PROBE
    assert leftovers(home) == []
    document = read_digested(path, 1)
    assert list(document) == ["sha256", *PROBE]


def test_the_newest_is_the_last(home: Path) -> None:
    later = probe(probe_id="20261124-070000-000001", created_at="2026-11-24T07:00:00Z")
    path = probes.save(later)
    probes.save(probe())
    assert probes.latest("local") == path


def test_none_is_an_error_with_the_next_step(home: Path) -> None:
    with pytest.raises(StoreError, match="no probe of local is stored yet") as caught:
        probes.latest("local")
    assert caught.value.hint == "lab probe --target local measures it"


def test_an_edited_probe_is_refused(home: Path) -> None:
    path = probes.save(probe())
    path.write_text(path.read_text().replace("40000000000.0", "50000000000.0"))
    with pytest.raises(StoreError, match="does not match its sha256"):
        probes.load(path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", 2, "schema 2 is newer"),
        ("probe_id", "x", "probe_id: .* does not have the form"),
        ("counts.0.threads", 0, "threads: 0 is too small"),
        ("counts.1.f32_ops_per_s.0", -1.0, "is too small"),
        ("target.name", "../x", "does not have the form"),
    ],
)
def test_what_breaks_the_format_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(StoreError, match=f"^p.json: .*{message}"):
        from_json(changed(PROBE, path, value), where="p.json")


def test_what_breaks_the_format_is_not_written(home: Path) -> None:
    with pytest.raises(StoreError):
        probes.save(replace(probe(), created_at="now"))
    assert list(home.rglob("*.json")) == []


def test_a_key_of_a_newer_lab_is_kept() -> None:
    newer = changed(PROBE, "counts.0.f16_ops_per_s", [1.0])
    assert json.loads(json.dumps(encode(from_json(newer, where="p")))) == newer


def test_the_list_of_runs_does_not_trip_over_probes(home: Path) -> None:
    probes.save(probe())
    assert list(store.iter_runs()) == []
