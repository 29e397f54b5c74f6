"""lab store check, set-aside, compact, prune and export, as a user gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from lab import store
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, cell
from tests.cli.conftest import Keep, Lab

HOSTILE = "\x1b]0;owned\x07\x1b[2J<script>alert(1)</script>"


def path_of(run: RunRecord) -> Path:
    path = store.run_path(run)
    assert isinstance(path, Path)
    return path


def on(keep: Keep, day: str, **changes: object) -> RunRecord:
    """A run of a day, `20261105`."""
    at = f"{day[:4]}-{day[4:6]}-{day[6:]}T21:00:00Z"
    return keep(run_id=f"{day}-210000-ab12cd", created_at=at, **changes)


def kinds(lab: Lab) -> dict[str, str]:
    ran = lab("store", "check", "--json")
    assert ran.code == (1 if ran.document["findings"] else 0)
    assert all(one["reason"] and one["next"] for one in ran.document["findings"])
    return {Path(one["place"]).name: one["kind"] for one in ran.document["findings"]}


def test_an_empty_store_says_what_to_do_first(lab: Lab) -> None:
    ran = lab("store", "check")
    assert (ran.code, "`lab run` measures" in ran.out) == (0, True)
    assert lab("store", "compact").code == 0
    assert lab("store", "prune", "--older-than", "1").code == 0


def test_a_sound_store_is_said_to_be_sound(lab: Lab, keep: Keep) -> None:
    keep()
    ran = lab("store", "check")
    assert (ran.code, ran.out) == (0, "1 run read, all valid\n")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda content: content[: len(content) // 2], "half-written"),
        (lambda content: b"", "half-written"),
        (lambda content: content.replace(b"9.8", b"9.9", 1), "damaged"),
        (lambda content: b"\xff" + content, "damaged"),
        (lambda content: b"[" * 100_000, "damaged"),
        (lambda content: b'{"name": "package"}', "foreign"),
        (lambda content: content.replace(b'"schema": 1', b'"schema": 2', 1), "newer"),
    ],
)
def test_a_spoilt_file_is_named_and_the_rest_still_shows(lab: Lab, keep: Keep, spoil: object, kind: str) -> None:
    sound = keep()
    bad = path_of(on(keep, "20261102"))
    bad.write_bytes(spoil(bad.read_bytes()))  # type: ignore[operator]
    assert kinds(lab) == {bad.name: kind}
    ran = lab("store", "check")
    assert ran.code == 1
    assert "next: " in ran.out
    assert sound.run_id in lab("runs").out
    assert "unreadable" in lab("runs").out


def test_a_file_too_big_to_be_a_run_is_named_and_not_read(lab: Lab, keep: Keep) -> None:
    sound = keep()
    huge = path_of(sound).with_name("20261102T210000Z--phi3-mini-q4--20261102-210000-ab12cd.json")
    with huge.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    (finding,) = lab("store", "check", "--json").document["findings"]
    assert "too big to be a recorded run" in finding["reason"]
    assert sound.run_id in lab("runs").out


def test_files_of_somebody_else_and_leftovers_are_named(lab: Lab, keep: Keep, home: Path) -> None:
    folder = path_of(keep()).parent
    (folder / "notes.txt").write_text("mine")
    (home / "profiles" / "stray.json").write_text("{}")
    (folder / ".lab-tmp-1-abc-x.json").write_text("{")
    assert kinds(lab) == {"notes.txt": "foreign", "stray.json": "foreign", ".lab-tmp-1-abc-x.json": "half-written"}


def test_a_run_from_the_future_is_of_a_wrong_clock(lab: Lab, keep: Keep) -> None:
    late = on(keep, "20990101")
    assert kinds(lab) == {path_of(late).name: "clock"}
    assert late.run_id in lab("runs").out


def test_a_clock_that_ran_backwards_within_a_run_is_told(lab: Lab, keep: Keep) -> None:
    one = cell()
    one["repetitions"][1]["token_ns"] = [3_000_000_000, 2_000_000_000]
    run = keep(cells=[one])
    assert kinds(lab) == {path_of(run).name: "clock"}


def test_the_same_run_twice_is_told_once(lab: Lab, keep: Keep, home: Path) -> None:
    path = path_of(keep())
    copy = path.with_name(f"copy-of-{path.name}")
    copy.write_bytes(path.read_bytes())
    elsewhere = home / "profiles" / "other" / path.name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(path.read_bytes())
    found = lab("store", "check", "--json").document["findings"]
    assert sorted(one["kind"] for one in found) == ["duplicate", "duplicate"]


def test_set_aside_moves_and_deletes_nothing(lab: Lab, keep: Keep, home: Path) -> None:
    sound = keep()
    bad = [path_of(on(keep, day)) for day in ("20261102", "20261103")]
    contents = [f"{{{number}".encode() for number in range(2)]
    for path, content in zip(bad, contents, strict=True):
        path.write_bytes(content)
    assert lab("store", "set-aside").code == 0
    aside = home / "profiles" / ".set-aside" / "local"
    assert [(aside / path.name).read_bytes() for path in bad] == contents
    bad[0].write_bytes(b"again")
    (row,) = lab("store", "set-aside", "--json").document["findings"]
    assert Path(row["moved_to"]).read_bytes() == b"again"
    assert (aside / bad[0].name).read_bytes() == contents[0]
    assert kinds(lab) == {}
    assert [one["run_id"] for one in lab("runs", "--json").document["runs"]] == [sound.run_id]


def test_hostile_text_is_shown_harmless(lab: Lab, keep: Keep) -> None:
    path = path_of(keep())
    path.with_name(f"{HOSTILE.replace('/', '')}.json").write_text(HOSTILE)
    for words in (("store", "check"), ("runs",), ("store", "set-aside")):
        ran = lab(*words)
        assert "\x1b" not in ran.out + ran.err
        assert "\x07" not in ran.out + ran.err


def test_archived_runs_are_listed_shown_and_compared_as_before(lab: Lab, keep: Keep, home: Path) -> None:
    old = [on(keep, day) for day in ("20260301", "20260302")]
    new = on(keep, "20261101")
    said = {run.run_id: lab("show", run.run_id, "--json").out for run in (*old, new)}
    listed, compared = lab("runs", "--json").document, lab("compare", "latest~2", "latest~1", "--json").document
    ran = lab("store", "compact", "--older-than", "90")
    assert (ran.code, "2 runs in archives now" in ran.out) == (0, True)
    assert not any(path_of(run).exists() for run in old)
    assert lab("runs", "--json").document == listed
    assert lab("compare", "latest~2", "latest~1", "--json").document == compared
    assert {run.run_id: lab("show", run.run_id, "--json").out for run in (*old, new)} == said
    assert kinds(lab) == {}


def test_prune_lists_first_and_keeps_what_something_speaks_for(lab: Lab, keep: Keep, home: Path) -> None:
    doomed = [on(keep, day) for day in ("20260301", "20260302")]
    tagged = on(keep, "20260303", tags=["release-1"])
    named = on(keep, "20260304")
    newest = on(keep, "20260305")
    other_engine = on(keep, "20260101", engine={**DOCUMENT["engine"], "name": "llama.cpp"})
    (home / "accepted.toml").write_text(f'run = "{named.run_id}"\n')
    lab("store", "compact")
    words = ("store", "prune", "--older-than", "30", "--keep", "1")
    ran = lab(*words, "--json")
    assert [one["run_id"] for one in ran.document["runs"]] == [run.run_id for run in doomed]
    assert len(lab("runs", "--json").document["runs"]) == 6
    assert "add --yes" in lab(*words).out
    assert "removed for good" in lab(*words, "--yes").out
    left = {one["run_id"] for one in lab("runs", "--json").document["runs"]}
    assert left == {run.run_id for run in (tagged, named, newest, other_engine)}
    assert kinds(lab) == {}


def test_export_is_one_table_with_raw_samples(lab: Lab, keep: Keep, tmp_path: Path) -> None:
    keep()
    damaged = path_of(on(keep, "20261102"))
    damaged.write_text("{")
    path = tmp_path / "out" / "runs.parquet"
    ran = lab("store", "export", "--parquet", str(path))
    assert (ran.code, "5 repetitions of 1 runs" in ran.out) == (0, True)
    assert damaged.name in ran.err
    frame = pd.read_parquet(path)
    one = DOCUMENT["cells"][0]["repetitions"][0]
    assert frame["itl_s"][0].tolist() == one["itl_s"]
    assert json.loads(json.dumps(frame["decode_tok_per_s"].tolist()))[0] == one["decode_tok_per_s"]


def test_a_database_has_no_files_to_move(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STORE", "postgresql://nobody@localhost:1/none")
    for words in (("set-aside",), ("compact",), ("prune", "--older-than", "1")):
        ran = lab("store", *words)
        assert (ran.code, "LAB_STORE names a database" in ran.err) == (2, True)


def test_one_run_is_listed_and_then_removed_and_no_other(lab: Lab, keep: Keep) -> None:
    first, second = on(keep, "20261105"), on(keep, "20261106")
    ran = lab("store", "remove", first.run_id)
    assert (ran.code, "would be removed for good" in ran.out) == (0, True)
    assert len(store.entries()) == 2
    ran = lab("store", "remove", first.run_id, "--yes", "--json")
    assert [one["run_id"] for one in ran.document["runs"]] == [first.run_id]
    assert [one.run_id for one in store.entries()] == [second.run_id]
    assert lab("store", "remove", first.run_id, "--yes").code == 1


def test_an_archived_run_is_removed_and_nothing_where_one_is_not_there(lab: Lab, keep: Keep) -> None:
    first, second = on(keep, "20261105"), on(keep, "20261106")
    lab("store", "compact", "--older-than", "0")
    assert lab("store", "remove", second.run_id, "20990101-000000-000000", "--yes").code == 1
    assert len(store.entries()) == 2
    assert lab("store", "remove", second.run_id, "--yes").code == 0
    assert [one.run_id for one in store.entries()] == [first.run_id]
