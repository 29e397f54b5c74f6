"""Keys that only some documents have are fields like others: `extra` is for those of a newer lab alone."""

from __future__ import annotations

import ast
import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from lab.core.errors import StoreError
from lab.core.fields import UNSET, KeepsUnknown, Unset, known_fields
from lab.formats.run_record import RunRecord, from_json, to_json
from tests.analysis.documents import gpu_document
from tests.analysis.exchange.sources import LLAMA, OLD, records
from tests.formats.samples import RUN, changed
from tests.formats.unknown_keys import unknown_keys

ROOT = Path(__file__).parents[2]
STORED = sorted((ROOT / "tests/cli/stored_before/recorded").rglob("*.json"))
# Other programs' output, whose further columns are their own; metrics that only a newer lab, or a test, has a row for.
FOREIGN = {"measure/llama/call.py", "measure/llama/output.py", "analysis/run/summary.py"}
# fmt: off
FULL: dict[str, Any] = {
    "pushed": {"sent_bytes": 7, "kept_bytes": 0, "send_s": 0.5}, "session": "20261123-210000-aaaaaa",
    "resumes": "20261123-210000-bbbbbb", "confirm": {"id": "x", "side": "a", "turn": 0, "of": "20261123-210000-cccccc"},
    "disturbed_by": "a busy loop", "by_address": True,
    "imported": {"tool": "t", "file": "f", "sha256": "ab", "format": "g", "rows": [1, None], "rows_sha256": "cd"},
    "other_columns": "{}",
}
ENGINE: dict[str, Any] = {
    "runner": {"key": "k", "tvm": None}, "staged": {"bytes": 1, "huge_bytes": None, "reason": "x"},
    "prefill_threads": 2,
    "threads_tried": {
        "prompt": 32, "generate": 17, "counts": [{"threads": 1, "prefill_tok_per_s": [1.5], "decode_tok_per_s": [2.5]}]
    },
    "flash_tried": {"depth": 512, "decode_tok_per_s": {"on": [1.5], "off": []}},
    "variants_tried": {"prompt": 1, "generate": 2, "variants": [
        {"weights": "q4_0", "repack": True, "prefill_tok_per_s": [1.5], "decode_tok_per_s": []}
    ]},
    "variant": {
        "prefill": {"weights": "q4_0", "repack": True, "flash": None},
        "decode": {"weights": "q4_0", "repack": False, "flash": "on"},
    },
    "build": {"commit": "c", "number": 7}, "settings": {"a": [1]},
    "ran_on": {"device": "opencl", "metadata": {}, "gpu": {"device": "G", "fp16": None, "extensions": []}},
    "fell_back": False,
}
REPETITION: dict[str, Any] = {
    "device_log": ["x"], "cpu_quota": {"cores": 2, "periods": None, "throttled_periods": 3},
    "by_device": True, "error": "e",
    "processes": [{"test": "prefill", "words": "pp8", "threads": 2, "samples_ns": [5]}], "throttled_reason": None,
    "gpu": {"launches_per_token": None, "prefill_launches": 3, "build_s": 0.5, "bytes_per_token": None},
    "mean_of": None,
}
CELL: dict[str, Any] = {
    "profile": {"decode_steps": 4, "prefill": [], "decode": [{"kernel": "k", "count": 1, "total_s": 0.5}]}, "row": 3,
    "at": "2026-11-23T21:00:00Z", "took_s": 3, "key": "ab", "reported": {"x": 1},
    "doubts": [{"code": "c", "text": "t"}],
}
# fmt: on


def full() -> dict[str, Any]:
    """A document with all optional keys, some of them null."""
    document = {**copy.deepcopy(RUN), **copy.deepcopy(FULL)}
    document["engine"] |= copy.deepcopy(ENGINE)
    document["bundle"] |= {"decode": {"launches": 3, "bytes": 4.5}, "unverified_on_device": [], "mlc_quantisation": "q"}
    document["plan"] |= {"adapts": True, "precision": 0.05, "lengths": None, "profile": False, "bandwidth_bytes": 5}
    document["protocol"] |= {"process": "p", "name": "n"}
    document["bandwidth"] |= {"reason_before": None}
    cell = document["cells"][0]
    cell |= copy.deepcopy(CELL)
    cell["memory"] |= {"reason": None, "generate": 4, "swap_bytes": None, "opencl_alloc_peak_bytes": 5}
    cell["repetitions"][0] |= copy.deepcopy(REPETITION)
    cell["repetitions"][0]["gate"] |= {"busy_fraction": None, "die_temp_c": 41, "unmeasured": ["x"]}
    return document


def differences(before: Any, after: Any) -> set[str]:
    """What was lost, has another value, or was gained with one."""
    if isinstance(before, dict) and isinstance(after, dict):
        gained = {f"gained {key}: {after[key]}" for key in after if key not in before and after[key] not in (None, [])}
        lost = {f"lost {key}" for key in before if key not in after}
        return (gained | lost).union(*(differences(before[key], after[key]) for key in before if key in after))
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return set().union(*map(differences, before, after))
    return set() if before == after else {f"{before} is now {after}"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each key below the optional ones, however deep."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, str(key))
            yield from leaves(item, (*path, str(key)))


@pytest.mark.parametrize(
    "document", [full(), {**copy.deepcopy(RUN), **gpu_document(profile=True)}], ids=["full", "gpu"]
)
def test_what_is_there_stays_and_what_is_not_stays_away(document: dict[str, Any]) -> None:
    record = from_json(document)
    assert unknown_keys(record) == []
    written = to_json(record)
    assert differences(document, written) == set()
    assert json.dumps(to_json(from_json(written))) == json.dumps(written)


def test_a_document_with_all_of_them_is_written_again_byte_for_byte() -> None:
    document = full()
    assert json.dumps(to_json(from_json(document)), sort_keys=True) == json.dumps(document, sort_keys=True)


def test_a_key_that_is_not_there_is_told_from_null() -> None:
    plan = from_json(RUN).plan
    assert (plan.lengths, from_json(changed(RUN, "plan.lengths", None)).plan.lengths) == (UNSET, None)
    assert not plan.lengths


FREE = {"settings", "reported", "metadata"}  # whatever another program put there
OPTIONAL = [
    ".".join(path)
    for start, keys in (
        ("", FULL), ("engine.", ENGINE), ("cells.0.", CELL), ("cells.0.repetitions.0.", REPETITION)
    )
    for path in leaves({f"{start}{key}": value for key, value in keys.items()})
    if not FREE & {*".".join(path).split(".")[:-1]}
]  # fmt: skip


@pytest.mark.parametrize("path", OPTIONAL)
def test_a_value_of_another_type_is_refused_by_its_key(path: str) -> None:
    """Nothing that lab wrote has ever had another one; what a reader took for absent before is damage that is told."""
    here: Any = full()
    for key in path.split("."):
        here = here[int(key) if isinstance(here, list) else key]
    wrong: Any = "x" if isinstance(here, dict | list) else [{"x": "y"}]
    with pytest.raises(StoreError, match=r"^run record: .*: expected"):
        from_json(changed(full(), path, wrong))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.name)
def test_runs_of_the_version_before_have_no_unknown_key(path: Path) -> None:
    document = json.loads(path.read_bytes())
    del document["sha256"]
    record = from_json(document)
    assert unknown_keys(record) == []
    assert differences(document, to_json(record)) == set()


@pytest.mark.parametrize("name", [*LLAMA, *OLD])
def test_imported_runs_have_no_unknown_key(name: str) -> None:
    assert [key for run in records(name) for key in unknown_keys(run)] == []


def test_nothing_in_lab_looks_into_extra() -> None:
    """A key that lab writes or reads is declared: mypy sees it, and a wrong type is told when the document is read."""
    found = {
        str(path.relative_to(ROOT / "lab"))
        for path in (ROOT / "lab").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr == "extra")
        or (isinstance(node, ast.keyword) and node.arg == "extra")
    }
    assert found == FOREIGN


def _records(cls: type) -> set[type]:
    found = {cls}
    for hint in get_type_hints(cls).values():
        for part in _parts(hint):
            if dataclasses.is_dataclass(part) and isinstance(part, type):
                found |= _records(part)
    return found


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for inner in get_args(hint):
        yield from _parts(inner)


def test_a_key_that_may_be_null_and_absent_says_so_in_its_type() -> None:
    for cls in filter(lambda one: issubclass(one, KeepsUnknown), _records(RunRecord)):
        hints = get_type_hints(cls)
        for field in known_fields(cls):
            may_be_unset = Unset in get_args(hints[field.name])
            assert may_be_unset == (field.default is UNSET), f"{cls.__name__}.{field.name}"
            assert not (may_be_unset and "left_out" in field.metadata)
            assert get_origin(hints[field.name]) is not Union or type(None) in get_args(hints[field.name])
