"""A run as Conbench's BenchmarkResult documents: one for each metric of each cell.

The form is that of POST /api/benchmark-results/ (conbench/conbench 3af4a552 of 2024-08-27,
`conbench/entities/benchmark_result.py`). Units are Conbench's: i/s, s, B. What a machine's facts do not say is 0 there,
as Conbench's own client writes it: the form has no null. A machine's name is its target's, never a host's.
"""

from __future__ import annotations

from typing import Any

from lab.analysis.backend_names import backend_text
from lab.analysis.exchange.writers.anonymise import public_setting
from lab.analysis.exchange.writers.series import Series, series_of, under
from lab.analysis.points.settings import settings_of
from lab.analysis.run.gpu import gpu_device
from lab.analysis.tools import protocol_of, tool_of
from lab.formats.metrics import metric
from lab.formats.run_record import RunRecord

UNITS = {"tok/s": "i/s", "s": "s", "B": "B"}
UNKNOWN = "0"
SUITE = "lab"


def conbench_results(record: RunRecord, repository: str) -> list[dict[str, Any]]:
    """Return the documents; `repository` is the https://github.com/... whose commit was measured."""
    return [{**_common(record, repository), **_result(record, one)} for one in series_of(record)]


def _common(record: RunRecord, repository: str) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "batch_id": record.run_id,
        "run_tags": {"name": record.run_id, **{f"tag.{one}": one for one in record.tags}},
        "timestamp": record.created_at,
        "github": _github(record, repository),
        "machine_info": _machine(record),
        "context": _context(record),
        "info": _info(record),
    }


def _github(record: RunRecord, repository: str) -> dict[str, str]:
    """The commit only where the run says that it measured exactly that one."""
    found = record.revision
    return {"repository": repository, **({"commit": found.commit} if found and not found.dirty else {})}


def _machine(record: RunRecord) -> dict[str, Any]:
    facts, gpu = record.device.facts, gpu_device(record).device
    text = {"architecture_name": "arch", "kernel_name": "kernel", "os_name": "os", "cpu_model_name": "cpu_model"}
    whole = {"cpu_core_count": "cores", "cpu_thread_count": "cores", "memory_bytes": "mem_total_bytes"}
    caches = [f"cpu_{cache}_cache_bytes" for cache in ("l1d", "l1i", "l2", "l3")]
    return {
        "name": record.target.name,
        "os_version": str(facts.get("os") or "unknown"),
        **{theirs: str(facts.get(ours) or "unknown") for theirs, ours in text.items()},
        **{theirs: str(facts.get(ours) or UNKNOWN) for theirs, ours in whole.items()},
        **dict.fromkeys([*caches, "cpu_frequency_max_hz"], UNKNOWN),
        "gpu_count": "1" if gpu else UNKNOWN,
        "gpu_product_names": [str(gpu)] if gpu else [],
    }


def _context(record: RunRecord) -> dict[str, Any]:
    """What breaks a history when it changes: the conditions that lab itself compares under."""
    return {
        "effective": record.engine.effective or "unknown",
        "threads": record.engine.threads,
        "tool": tool_of(record),
        "protocol": protocol_of(record),
        **{f"setting.{name}": public_setting(name, text) for name, text in settings_of(record)},
        "emulated": record.device.emulated,
        "synthetic_weights": record.weights.synthetic,
        "layers": str(record.model.layers or "unknown"),
    }


def _info(record: RunRecord) -> dict[str, Any]:
    versions = {f"version.{name}": value for name, value in record.engine.versions.items() if value}
    lab = {"lab_version": record.lab.version, "lab_commit": record.lab.git_commit, "bundle": record.bundle.key}
    return {name: value for name, value in {**lab, **versions}.items() if value}


def _result(record: RunRecord, one: Series) -> dict[str, Any]:
    tags = {
        "name": one.metric,
        "suite": SUITE,
        "target": record.target.name,
        "model": record.model.label,
        "engine": record.engine.name,
        "prompt": str(one.cell.prompt),
        "generate": str(one.cell.generate),
        "depth": str(one.cell.depth),
        "tool": tool_of(record),
        "protocol": protocol_of(record),
        "backend": backend_text(record) or "unknown",
        "threads": str(record.engine.threads or "unknown"),
        **{f"setting.{name}": text or "none" for name, text in under(record).settings},
        **({"counter": one.counter} if one.counter else {}),
    }
    if one.error is not None:
        return {"tags": tags, "error": {"status": one.cell.status, "reason": one.error}}
    unit = UNITS[metric(one.metric).unit]
    stats = {"data": list(one.samples), "unit": unit, "times": [], "time_unit": "s", "iterations": 1}
    return {"tags": tags, "stats": stats}
