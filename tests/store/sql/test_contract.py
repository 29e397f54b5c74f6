"""What is true of every store: the same queries give the same answers, and damage is told alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import StoreError
from lab.core.jsonio import digest
from lab.formats.run_record import RunRecord, to_json
from lab.store import BadRun
from tests.formats.samples import RUN, changed, record
from tests.store.sql.conftest import Both


def good_and_bad(**only: str) -> tuple[list[str], list[str]]:
    runs = list(store.iter_runs(**only))
    good = [run.run_id for run in runs if isinstance(run, RunRecord)]
    return good, [str(run.path) for run in runs if isinstance(run, BadRun)]


def with_facts(run_id: str = RUN["run_id"], **facts: Any) -> RunRecord:
    """A record that says `facts` of its device."""
    return record(run_id, device={**RUN["device"], "facts": facts})


def test_a_record_comes_back_as_the_file_would_hold_it(both: Both) -> None:
    place = store.save(record())
    expected = json.dumps({"sha256": digest(RUN), **RUN}, indent=1, ensure_ascii=False) + "\n"
    assert both.content(place) == store.content(place) == expected.encode()
    assert store.load(place) == record()
    assert store.load_document(place) == {"sha256": digest(RUN), **RUN}
    assert store.run_path(record()) == place == store.place(str(place))


def test_saving_again_replaces_the_earlier_state(both: Both) -> None:
    first = store.save(record(status="running"))
    for status in ("running", "ok", "ok"):
        assert store.save(record(status=status)) == first
    assert store.load(first).status == "ok"
    assert len(store.entries()) == 1


def test_versions_change_with_the_document_and_with_nothing_else(both: Both) -> None:
    store.save(record())
    (before,) = store.entries()
    assert store.entries() == [before]
    store.save(record(reason="other"))
    (after,) = store.entries()
    assert (after.version == before.version, replace(after, version="")) == (False, replace(before, version=""))


def test_keys_of_a_newer_lab_survive_load_and_save(both: Both) -> None:
    newer = changed(changed(RUN, "energy_j", 4.5), "cells.0.repetitions.0.joules", [1, None])
    place = store.save(record())
    both.put(place, json.dumps({"sha256": digest(newer), **newer}).encode())
    assert store.save(replace(store.load(place), reason="x")) == place
    assert to_json(store.load(place)) == {**newer, "reason": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x00b\x1b[31m\x7f",
        "\u2028\u2029 ü 😀 ﷽",
        "'; drop table lab_runs; --",
        "%s %(x)s :y \\ $1 {}",
        '<b>"&',
    ],
)
def test_any_text_survives(both: Both, text: str) -> None:
    place = store.save(replace(with_facts(anything=text, **{text: 1}), reason=text))
    found = store.load(place)
    assert (found.reason, found.device.facts) == (text, {"anything": text, text: 1})


def test_half_a_character_is_refused_before_anything_is_written(both: Both) -> None:
    with pytest.raises(StoreError, match=f"run {RUN['run_id']}"):
        store.save(replace(record(), reason="\ud800"))
    assert store.entries() == []


@pytest.mark.parametrize(
    "number", [1e-07, 1.0, 100000000000000000000.0, 0.1, -0.0, 2**63 - 1, 5e-324, 1.7976931348623157e308]
)
def test_any_number_survives_to_the_last_bit(both: Both, number: float) -> None:
    found = store.load(store.save(with_facts(number=number))).device.facts["number"]
    assert (repr(found), type(found)) == (repr(number), type(number))


def test_a_document_of_many_megabytes_survives(both: Both) -> None:
    samples = [index / 7 for index in range(400_000)]
    place = store.save(with_facts(samples=samples))
    assert len(both.content(place)) > 8_000_000
    assert store.load(place).device.facts["samples"] == samples


def test_an_edited_number_is_told_from_a_measured_one(both: Both) -> None:
    other = store.save(record("20261123-210000-000001"))
    place = store.save(record())
    both.put(place, both.content(place).replace(b"64.25", b"94.25"))
    with pytest.raises(StoreError, match="does not match its sha256") as caught:
        store.load(place)
    assert str(RUN["run_id"]) in str(caught.value)
    assert good_and_bad() == (["20261123-210000-000001"], [str(place)])
    assert store.load(other).run_id == "20261123-210000-000001"


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"schema": 1}', b"[" * 100_000])
def test_what_is_no_record_is_reported(both: Both, content: bytes) -> None:
    place = store.save(record())
    both.put(place, content)
    assert good_and_bad() == ([], [str(place)])


def test_a_newer_schema_says_upgrade(both: Both) -> None:
    place = store.save(record())
    newer = {**RUN, "schema": 2, "cells": "another form"}
    both.put(place, json.dumps({"sha256": digest(newer), **newer}).encode())
    with pytest.raises(StoreError, match="schema 2 is newer"):
        store.load(place)


def test_runs_come_oldest_first_by_target_and_model(both: Both) -> None:
    store.save(record("20261124-000000-000003", created_at="2026-11-24T00:00:00Z"))
    store.save(record("20261123-210000-000001"))
    other = {"name": "pixel8", "spec": {}}
    store.save(record("20261123-230000-000002", created_at="2026-11-23T23:00:00Z", target=other))
    whole = {**RUN["model"], "label": "phi3-mini-q4", "layers": 32}
    store.save(record("20261125-000000-000004", created_at="2026-11-25T00:00:00Z", model=whole))
    assert [one[-1] for one in good_and_bad()[0]] == ["1", "2", "3", "4"]
    assert [one[-1] for one in good_and_bad(target="pixel8")[0]] == ["2"]
    assert [one[-1] for one in good_and_bad(model="phi3-mini-q4@2l")[0]] == ["1", "2", "3"]
    assert [one[-1] for one in good_and_bad(model="phi3-mini-q4")[0]] == ["1", "2", "3", "4"]
    assert good_and_bad(model="phi3") == good_and_bad(target="../profiles") == ([], [])
    assert [(one.run_id[-1], one.target, one.label, one.stamp) for one in store.entries("pixel8")] == [
        ("2", "pixel8", "phi3-mini-q4@2l", "20261123T230000Z")
    ]


def test_entries_are_read_one_by_one_and_many_at_once(both: Both) -> None:
    for number in range(70):
        store.save(record(f"20261123-210000-0000{number:02}"))
    broken = store.save(record("20261123-210000-000033"))
    both.put(broken, b"{}")
    listed = store.entries()
    runs = list(store.read_entries(listed))
    assert runs == [store.read_entry(entry) for entry in listed]
    assert [type(run) for run in runs].count(BadRun) == 1
    assert isinstance(runs[33], BadRun)


def test_a_run_that_went_since_it_was_listed_is_reported(both: Both) -> None:
    place = store.save(record())
    (entry,) = store.entries()
    if isinstance(place, Path):
        place.unlink()
    else:
        assert both.server is not None
        both.server.ask("delete from lab_runs")
    for run in (store.read_entry(entry), *store.read_entries([entry])):
        assert isinstance(run, BadRun)
        assert "20261123" in run.reason


def test_no_runs_is_an_empty_list(both: Both) -> None:
    assert list(store.iter_runs()) == store.entries() == []
    with pytest.raises(StoreError, match="no runs are recorded in") as caught:
        store.find("latest")
    assert "lab run" in str(caught.value.hint)


def test_a_run_is_found_by_what_a_person_types(both: Both) -> None:
    first = store.save(record("20261123-210000-0a0001"))
    second = store.save(record("20261123-210000-0b0002"))
    third = store.save(record("20261124-210000-0c0003", created_at="2026-11-24T21:00:00Z"))
    assert store.find("20261123-210000-0a0001") == first
    assert store.find("20261123-210000-0b") == second
    assert store.find("20261124") == third
    assert store.find("latest") == store.find("latest~0") == third
    assert store.find("latest~2") == first
    assert store.find(str(second)) == second


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("20261123", r"'20261123' means 2 runs: .*000001.*, .*000002"),
        ("20261123-210000-00001", r"no run '20261123-210000-00001' .* Did you mean 20261123-210000-000001"),
        ("", "no run ''"),
        ("%", "no run '%'"),
        ("zzz", "no run 'zzz' in"),
        ("latest~2", "latest~2: only 2 runs are stored"),
        ("latest~x", "expected latest, or latest~N"),
        ("latest~-1", "expected latest, or latest~N"),
        ("gone/run.json", "gone/run.json: no such file"),
    ],
)
def test_a_run_that_is_not_there_or_not_one_is_said(both: Both, ref: str, message: str) -> None:
    store.save(record("20261123-210000-000001"))
    store.save(record("20261123-210000-000002"))
    with pytest.raises(StoreError, match=message):
        store.find(ref)


def test_a_file_can_be_read_whatever_the_store_is(both: Both, tmp_path: Path) -> None:
    place = store.save(record())
    path = tmp_path / "sent" / "by-mail.json"
    path.parent.mkdir()
    path.write_bytes(both.content(place))
    assert store.load(store.find(str(path))) == record()
