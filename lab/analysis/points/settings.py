"""The settings of a recorded run by name, each in one spelling whatever the format and version it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.analysis.points.defaults import COLUMNS, DEFAULTS
from lab.analysis.points.key import Fields
from lab.analysis.points.measured import is_measured
from lab.analysis.tools import OWN, tool_of
from lab.formats.run_record import RunRecord

# fmt: off
PLAN = (
    "prefill_chunk", "warmup_cap", "warmup_spread", "seed", "sample_interval_s", "memory_interval_ms",
    "memory_generate",
)
# fmt: on
FACTS = {"cpu_model": "cpu_info", "gpu": "gpu_info"}  # as llama-bench itself calls them
DECIMAL = re.compile(r"-?\d+(\.\d*)?")
SWITCHES = {"true": "1", "false": "0"}
LLAMA_WORDS = {"flash_attn": {"on": "1", "off": "0", "auto": "-1"}, "repack": {"auto": "1", "on": "1", "off": "0"}}


def settings_of(record: RunRecord) -> Fields:
    """Return all settings; of an imported run also the columns that lab does not know, less those that measure."""
    tool = tool_of(record)
    return _sorted(_own(record) if tool == OWN else _imported(record, tool))


def columns_of(record: RunRecord) -> int:
    """Return which of the columns that have a known default were there: bits of COLUMNS, 0 for lab's own runs."""
    if tool_of(record) not in DEFAULTS:
        return 0
    names = {*_llama(dict(_flat({**_other(record), **(record.engine.settings or {})})))}
    return sum(1 << place for place, name in enumerate(COLUMNS) if name in names)


def facts_of(record: RunRecord) -> Fields:
    """Return what another tool says of the device; nothing for lab's own runs, whose device has a serial."""
    if tool_of(record) == OWN:
        return ()
    return _sorted({FACTS.get(name, name): text for name, text in _flat(record.device.facts)})


def backend_of(record: RunRecord) -> str:
    """Return what computed; the name of the GPU, which llama-bench's rows have beside it, is one of the facts."""
    effective, gpu = record.engine.effective or "", record.device.facts.get("gpu")
    if tool_of(record) != OWN and isinstance(gpu, str) and gpu:
        return effective.removesuffix(gpu).rstrip() or effective
    return effective


def spelled(value: Any) -> str:
    """Return the value as text: 0 and 1 for switches, numbers without needless digits, canonical JSON for the rest."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    text = str(value).strip()
    if DECIMAL.fullmatch(text) and "." in text:
        text = text.rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text
    return SWITCHES.get(text.lower(), text)


def _own(record: RunRecord) -> dict[str, str]:
    plan = record.plan
    values = {name: getattr(plan, name) for name in PLAN}
    known = {name: spelled(value) for name, value in values.items() if value is not None}
    return known if len(known) >= len(PLAN) else {**known, "fingerprint": plan.settings_fingerprint}


def _imported(record: RunRecord, tool: str) -> dict[str, str]:
    known = dict(_flat(record.engine.settings or {}))
    other = {name: text for name, text in _flat(_other(record)) if not is_measured(name)}
    return {**DEFAULTS.get(tool, {}), **_llama(other | known)} if tool == "llama-bench" else {**other, **known}


def _other(record: RunRecord) -> Mapping[str, Any]:
    """The columns that lab did not know when it stored the run."""
    try:
        found = json.loads(record.other_columns or "{}")
    except ValueError:
        return {"other_columns": record.other_columns}
    return found if isinstance(found, Mapping) else {"other_columns": found}


def _llama(settings: dict[str, str]) -> dict[str, str]:
    """One name and one spelling for what versions of llama-bench call by two."""
    settings = {name: LLAMA_WORDS.get(name, {}).get(text, text) for name, text in settings.items()}
    if (f16 := settings.pop("f16_kv", None)) is not None:
        settings = {"type_k": "f16" if f16 == "1" else "f32", "type_v": "f16" if f16 == "1" else "f32", **settings}
    parts = settings.get("tensor_split", "").split("/")
    if parts != [""] and all(spelled(part) == "0" for part in parts):
        settings["tensor_split"] = "0"
    return settings


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts; what stands in an object has the way to it in its name. What is null is left out.

    A list of objects that have an id, as MLPerf Mobile writes settings, is one object.
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) and "id" in one for one in value):
            yield from _flat({str(one["id"]): one.get("value") for one in value}, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", spelled(value)


def _sorted(fields: Mapping[str, str]) -> Fields:
    return tuple(sorted(fields.items()))
