from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import LabError, StoreError
from lab.core.jsonio import digest
from lab.formats.run_record import RunRecord, to_json
from lab.store import BadRun
from tests.formats.samples import RUN, changed, leftovers, record, whole_files

# Saves states of two runs for ever; a killed process must leave whole files only.
WRITER = """
from dataclasses import replace
from lab import store
from tests.formats.samples import record
runs = [record("20261123-210000-000001"), record("20261123-210000-000002")]
print("ready", flush=True)
for i in range(10**9):
    grown = replace(runs[i % 2], reason="x" * (i % 50) * 100, cells=runs[0].cells * (1 + i % 20))
    store.save(grown)
"""

# Kills itself at one step of a save.
DIES_AT = """
import os, pathlib, signal, sys
from lab import store
from tests.formats.samples import record
def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)
def die_after_half(self, data):
    os.write(self.fileno(), data[: len(data) // 2])
    die()
step = sys.argv[1]
if step == "half written":
    real = pathlib.Path.open
    class Half:
        def __init__(self, file): self.file = file
        def __enter__(self): return self
        def __exit__(self, *error): pass
        def write(self, data): die_after_half(self.file, data)
    pathlib.Path.open = lambda self, *a, **k: Half(real(self, *a, **k))
if step == "before flush": os.fsync = die
if step == "before rename": pathlib.Path.replace = die
if step == "after rename":
    rename = pathlib.Path.replace
    pathlib.Path.replace = lambda self, to: (rename(self, to), die())
store.save(record("20261123-210000-000001", reason="new"))
"""


def rewrite(path: Path, document: dict[str, Any]) -> None:
    """Put a document with a right digest in place: what only another program could have written."""
    path.write_text(json.dumps({"sha256": digest(document), **document}))


def good_and_bad(**only: str) -> tuple[list[str], list[Path]]:
    runs = list(store.iter_runs(**only))
    good = [run.run_id for run in runs if isinstance(run, RunRecord)]
    return good, [run.path for run in runs if isinstance(run, BadRun)]


def test_a_record_is_saved_where_it_belongs_and_comes_back(home: Path) -> None:
    path = store.save(record())
    name = "20261123T210000Z--phi3-mini-q4@2l--20261123-210000-ab12cd.json"
    assert path == home / "profiles" / "local" / name
    assert store.load(path) == record()
    document = json.loads(path.read_text("utf-8"))
    assert next(iter(document)) == "sha256"
    assert {key: document[key] for key in RUN} == RUN


def test_the_document_is_given_exactly_as_it_stands(home: Path) -> None:
    path = store.save(record())
    assert store.load_document(path) == json.loads(path.read_text("utf-8"))


def test_saving_again_replaces_the_earlier_state(home: Path) -> None:
    first = store.save(record(status="running"))
    assert store.save(record(status="ok")) == first
    assert whole_files(home / "profiles" / "local") == [first]
    assert store.load(first).status == "ok"


def test_keys_of_a_newer_lab_survive_load_and_save(home: Path) -> None:
    newer = changed(changed(RUN, "energy_j", 4.5), "cells.0.repetitions.0.joules", [1, None])
    path = store.save(record())
    rewrite(path, newer)
    assert store.save(store.load(path)) == path
    assert to_json(store.load(path)) == newer


def test_a_record_that_breaks_the_format_is_not_written(home: Path) -> None:
    for broken in ({"status": "done"}, {"created_at": "../../x"}, {"reason": float("nan")}):
        with pytest.raises(StoreError, match="run 20261123-210000-ab12cd"):
            store.save(_unchecked(**broken))
    assert not (home / "profiles").exists()


def _unchecked(**changes: Any) -> RunRecord:
    return replace(record(), **changes)


@pytest.mark.parametrize("value", [{1: 2.0, 10: 3.0, 9: 0.1}, (1, 2), 1e-07, "\u2028 ü 😀"])
def test_free_facts_of_any_form_match_their_digest_when_read(home: Path, value: object) -> None:
    facts = {"anything": value}
    path = store.save(_unchecked(device=type(record().device)("x", False, facts)))
    assert store.load(path).device.facts == json.loads(json.dumps(facts))


def test_a_file_cut_at_any_length_is_reported_and_hides_no_other(home: Path) -> None:
    other = store.save(record("20261123-210000-000001"))
    path = store.save(record("20261123-210000-000002"))
    content = path.read_bytes()
    lengths = {*range(0, len(content) - 2, 37), *range(len(content) - 40, len(content) - 2)}
    for length in lengths:
        path.write_bytes(content[:length])
        with pytest.raises(StoreError, match=path.name):
            store.load(path)
        assert good_and_bad() == (["20261123-210000-000001"], [path])
    # The last byte is the end of the line, which JSON does not need.
    path.write_bytes(content[:-1])
    assert store.load(path) == record("20261123-210000-000002")
    assert store.load(other).run_id == "20261123-210000-000001"


def test_no_flipped_bit_changes_what_is_read(home: Path) -> None:
    path = store.save(record())
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        try:
            # Spaces between tokens, and the letter case of an exponent, carry no meaning.
            assert store.load(path) == record()
        except StoreError:
            refused += 1
    assert refused > 0.98 * len(range(0, len(content), 3))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"schema": 1}', b"\x00" * 4096, b"[" * 100_000])
def test_a_file_that_is_no_record_is_reported(home: Path, content: bytes) -> None:
    path = store.save(record())
    path.write_bytes(content)
    runs = list(store.iter_runs())
    assert [(type(run), run.path) for run in runs if isinstance(run, BadRun)] == [(BadRun, path)]
    assert len(runs) == 1


def test_an_edited_number_is_told_from_a_measured_one(home: Path) -> None:
    path = store.save(record())
    path.write_text(path.read_text("utf-8").replace("64.25", "94.25"), "utf-8")
    with pytest.raises(StoreError, match="does not match its sha256") as caught:
        store.load(path)
    assert "edited" in str(caught.value.hint)


def test_a_newer_schema_says_upgrade(home: Path) -> None:
    path = store.save(record())
    rewrite(path, {**RUN, "schema": 2, "cells": "another form"})
    with pytest.raises(StoreError, match="schema 2 is newer") as caught:
        store.load(path)
    assert "upgrade" in str(caught.value.hint)


def test_a_folder_or_link_to_nowhere_named_like_a_run_is_reported(home: Path) -> None:
    store.save(record())
    folder = home / "profiles" / "local"
    (folder / "folder.json").mkdir()
    (folder / "lost.json").symlink_to("/nowhere")
    good, bad = good_and_bad()
    assert len(good) == 1
    assert bad == [folder / "folder.json", folder / "lost.json"]


def test_runs_come_oldest_first_by_target_and_model(home: Path) -> None:
    store.save(record("20261124-000000-000003", created_at="2026-11-24T00:00:00Z"))
    store.save(record("20261123-210000-000001"))
    other_target = {"name": "pixel8", "spec": {}}
    store.save(record("20261123-230000-000002", created_at="2026-11-23T23:00:00Z", target=other_target))
    whole = {**RUN["model"], "label": "phi3-mini-q4", "layers": 32}
    store.save(record("20261125-000000-000004", created_at="2026-11-25T00:00:00Z", model=whole))
    assert [one[-1] for one in good_and_bad()[0]] == ["1", "2", "3", "4"]
    assert [one[-1] for one in good_and_bad(target="pixel8")[0]] == ["2"]
    assert [one[-1] for one in good_and_bad(model="phi3-mini-q4@2l")[0]] == ["1", "2", "3"]
    assert [one[-1] for one in good_and_bad(model="phi3-mini-q4")[0]] == ["1", "2", "3", "4"]
    assert good_and_bad(model="phi3") == ([], [])
    assert good_and_bad(target="../profiles") == ([], [])


def test_no_runs_is_an_empty_list(home: Path) -> None:
    assert list(store.iter_runs()) == []


def test_a_run_is_found_by_what_a_person_types(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.save(record("20261123-210000-0a0001"))
    second = store.save(record("20261123-210000-0b0002"))
    third = store.save(record("20261124-210000-0c0003", created_at="2026-11-24T21:00:00Z"))
    monkeypatch.chdir(home)
    assert store.find("20261123-210000-0a0001") == first
    assert store.find("20261123-210000-0b") == second
    assert store.find("20261124") == third
    assert store.find("latest") == store.find("latest~0") == third
    assert store.find("latest~2") == first
    assert store.find(str(second)) == second
    assert store.find(f"profiles/local/{third.name}").resolve() == third
    assert store.find(f"local/{third.name}") == third


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("20261123", r"'20261123' means 2 runs: .*000001.json, .*000002.json"),
        ("20261123-210000-00001", r"no run '20261123-210000-00001' .* Did you mean 20261123-210000-000001"),
        ("", "no run ''"),
        ("zzz", "no run 'zzz' in"),
        ("latest~2", "latest~2: only 2 runs are stored"),
        ("latest~x", "expected latest, or latest~N"),
        ("latest~-1", "expected latest, or latest~N"),
        ("latest~" + "9" * 5000, "expected latest, or latest~N"),
        ("gone/run.json", "gone/run.json: no such file"),
    ],
)
def test_a_run_that_is_not_there_or_not_one_is_said(home: Path, ref: str, message: str) -> None:
    store.save(record("20261123-210000-000001"))
    store.save(record("20261123-210000-000002"))
    with pytest.raises(StoreError, match=message):
        store.find(ref)


def test_a_writer_killed_again_and_again_leaves_whole_files(home: Path) -> None:
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.05 + random.Random(attempt).random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        good, bad = good_and_bad()
        assert (good, bad) == (["20261123-210000-000001", "20261123-210000-000002"], [])
    store.save(record())
    assert leftovers(home) == []


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("step", ["half written", "before flush", "before rename", "after rename"])
def test_a_writer_killed_at_each_step_leaves_old_or_new(home: Path, step: str, before: str | None) -> None:
    if before is not None:
        store.save(record("20261123-210000-000001", reason=before))
    died = subprocess.run([sys.executable, "-c", DIES_AT, step], capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    expected = "new" if step == "after rename" else before
    runs = list(store.iter_runs())
    assert [run.reason for run in runs] == ([] if expected is None else [expected])
    assert not any(isinstance(run, BadRun) for run in runs)
    assert len(leftovers(home)) == (0 if step == "after rename" else 1)
    store.save(record("20261123-210000-000009"))
    assert leftovers(home) == []


def test_a_full_disk_keeps_the_earlier_state(tiny_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_disk / "profiles" / "local"
    folder.mkdir(parents=True)
    monkeypatch.setenv("LAB_HOME", str(tiny_disk))
    path = store.run_path(record())
    rewrite(path, RUN)
    huge = record(reason="x" * 200_000)
    with pytest.raises(LabError, match="the disk is full"):
        store.save(huge)
    assert store.load(path) == record()
    assert leftovers(tiny_disk) == []


def test_read_only_profiles_are_named(read_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(read_only))
    with pytest.raises(LabError, match="cannot write here"):
        store.save(record())
    assert os.listdir(read_only) == ["kept"]  # noqa: PTH208


def test_a_bad_run_names_its_place_once_and_says_nothing_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert store.BadRun(path, f"{path}: not valid JSON").said == f"{path}: not valid JSON"
    assert "\x1b" not in store.BadRun(path, "gone \x1b[31m").said
