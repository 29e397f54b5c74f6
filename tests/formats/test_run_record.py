from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lab.core.errors import StoreError
from lab.core.names import RUN_ID, UTC_TIME
from lab.formats.run_record import from_json, new_run_id, to_json, utc_now
from tests.formats.samples import RUN, changed, copy_of, record


def test_a_record_becomes_the_same_document_again() -> None:
    assert to_json(from_json(RUN)) == RUN


def test_the_order_of_the_keys_is_that_of_the_format() -> None:
    assert list(to_json(from_json(RUN))) == list(RUN)


@pytest.mark.parametrize(
    "place",
    [
        *("", "lab", "protocol", "target", "device", "model", "weights", "engine", "bundle", "bundle.memory"),
        *("plan", "plan.cells.0", "verify", "bandwidth", "peak", "peak.before", "time_s", "cells.0", "cells.0.memory"),
        *("cells.0.repetitions.0", "cells.0.repetitions.0.warmup", "cells.0.repetitions.0.gate"),
    ],
)
def test_a_key_of_a_newer_lab_survives_a_rewrite(place: str) -> None:
    newer = changed(RUN, f"{place}.energy_j".removeprefix("."), {"value": 3.5, "error": None})
    kept = from_json(newer)
    assert to_json(replace(kept, status="interrupted")) == {**newer, "status": "interrupted"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", 2, r"schema 2 is newer than this lab reads \(1\)"),
        ("schema", "1", "schema: expected a version number"),
        ("run_id", "../../etc", "run_id: .* does not have the form"),
        ("created_at", "yesterday", "created_at: "),
        ("status", "done", "status: 'done' is not one of ok, running"),
        ("target.name", "../x", r"\[target\].name: "),
        ("model.label", "a/b", r"\[model\].label: "),
        ("lab.git_dirty", "yes", r"\[lab\].git_dirty: expected true or false"),
        ("verify.passed", None, r"\[verify\].passed: expected true or false, got null"),
        ("cells.0.status", "fine", r"cells\[0\].status: 'fine' is not one of"),
        ("cells.0.repetitions.0.itl_s.1", -0.1, r"cells\[0\].repetitions\[0\].itl_s\[1\]: -0.1 is too small"),
        ("cells.0.repetitions.0.token_ns.0", 1.5, r"token_ns\[0\]: expected an integer"),
        ("cells.0.repetitions.0.rss_peak_bytes", -1, r"rss_peak_bytes: -1 is too small, at least 0 bytes"),
        ("cells.0.memory.samples.0", [1], r"samples\[0\]: expected 2 values, got 1"),
        ("cells", {}, "cells: expected a list, got a table"),
        ("peak.before.f32_ops_per_s.0", "fast", r"\[peak\].before.f32_ops_per_s\[0\]: expected a number"),
        ("bandwidth.before.0", "fast", r"\[bandwidth\].before\[0\]: expected a number"),
    ],
)
def test_what_breaks_the_format_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(StoreError, match=f"^r.json: .*{message}"):
        from_json(changed(RUN, path, value), where="r.json")


OPTIONAL = ("peak", "time_s", "tags", "revision")


@pytest.mark.parametrize("key", [key for key in RUN if key not in ("schema", *OPTIONAL)])
def test_a_missing_key_is_named(key: str) -> None:
    document = {k: v for k, v in RUN.items() if k != key}
    with pytest.raises(StoreError, match=f"^r.json: {key}: missing key"):
        from_json(document, where="r.json")


def test_what_was_not_measured_is_null() -> None:
    failed = changed(RUN, "cells.0.repetitions", [{"index": 0, "order": 0, "status": "failed", "reason": "SIGKILL"}])
    repetition = from_json(failed).cells[0].repetitions[0]
    assert (repetition.decode_tok_per_s, repetition.itl_s, repetition.swap_bytes) == (None, None, None)


def test_a_record_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        record().status = "failed"  # type: ignore[misc]


def test_new_names_have_their_form_and_do_not_repeat() -> None:
    ids = {new_run_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(RUN_ID, one) for one in ids)
    assert re.fullmatch(UTC_TIME, utc_now())


def test_a_record_of_before_the_peak_was_measured_is_read() -> None:
    old = copy_of(RUN)
    del old["peak"]
    for key in ("layer_weights", "head_weights"):
        del old["model"][key]
    record = from_json(old)
    assert (record.peak, record.model.layer_weights, record.model.head_weights) == (None, None, None)
