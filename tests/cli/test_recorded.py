"""runs, show and compare on runs that are on record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import store
from lab.formats.digested import digested_bytes
from tests.analysis.documents import DOCUMENT, MODEL, cell, failed_repetition, record
from tests.cli.conftest import Keep, Lab

SECOND = "20261124-210000-ab12ce"
LATER = {"run_id": SECOND, "created_at": "2026-11-24T21:00:00Z"}
FAILED = {**cell(), "status": "failed", "repetitions": [failed_repetition(0, "killed by SIGSEGV")]}


def test_runs_are_listed_oldest_first(lab: Lab, keep: Keep) -> None:
    keep(**LATER)
    first = keep()
    ran = lab("runs")
    assert ran.code == 0
    assert ran.out.index(first.run_id) < ran.out.index(SECOND)
    assert [run["run_id"] for run in lab("runs", "--json").document["runs"]] == [first.run_id, SECOND]


def test_runs_can_be_narrowed(lab: Lab, keep: Keep) -> None:
    keep()
    keep(**LATER, model={**MODEL, "label": "phi3-mini-q4@2l", "layers": 2})
    found = lab("runs", "--model", "phi3-mini-q4@2l", "--json").document["runs"]
    assert [run["run_id"] for run in found] == [SECOND]
    assert len(lab("runs", "--model", "phi3-mini-q4", "--target", "local", "--json").document["runs"]) == 2
    assert lab("runs", "--model", "phi3-mini-q8", "--json").document["runs"] == []


def test_a_summary_in_json_has_units_in_its_names(lab: Lab, keep: Keep) -> None:
    keep()
    (found,) = lab("runs", "--json").document["runs"]
    metrics = found["cells"][0]["metrics"]
    assert metrics["decode_tok_per_s"]["median"] == 10.0
    assert {"prefill_tok_per_s", "ttft_s", "rss_peak_bytes"} <= set(metrics)
    assert found["cells"][0]["itl"]["p50_s"] == pytest.approx(0.1)


def test_an_unreadable_run_is_told_and_hides_no_other(lab: Lab, keep: Keep, home: Path) -> None:
    good = keep()
    damaged = store.run_path(keep(**LATER))
    damaged.write_text(damaged.read_text()[:-100])
    ran = lab("runs")
    assert ran.code == 0
    assert good.run_id in ran.out
    assert "unreadable" in ran.out
    (bad,) = lab("runs", "--json").document["unreadable"]
    assert bad["path"] == str(damaged)
    assert bad["reason"]


def test_show_prints_the_file_exactly_as_it_stands(lab: Lab, keep: Keep) -> None:
    run = keep()
    assert lab("show", "latest", "--json").out == store.run_path(run).read_text()


def test_show_finds_a_run_by_the_beginning_of_its_id(lab: Lab, keep: Keep) -> None:
    keep()
    keep(**LATER)
    ran = lab("show", "20261124")
    assert ran.code == 0
    assert SECOND in ran.out
    assert "5 repetitions, in order" in ran.out


def test_show_raw_prints_everything(lab: Lab, keep: Keep) -> None:
    keep()
    ran = lab("show", "latest", "--raw")
    for name in ("REPETITIONS OF pp512+tg128", "LAB", "PLAN", "BANDWIDTH"):
        assert name in ran.out


def test_show_prints_the_sections_that_are_asked_for(lab: Lab, keep: Keep) -> None:
    keep()
    ran = lab("show", "latest", "--section", "plan,warnings")
    assert ran.out.startswith("PLAN\n")
    assert "! random weights" in ran.out
    assert "ENGINE" not in ran.out


def test_a_section_that_there_is_not(lab: Lab, keep: Keep) -> None:
    keep()
    ran = lab("show", "latest", "--section", "wranings")
    assert ran.code == 2
    assert "warnings" in ran.err


@pytest.mark.parametrize("pair", [("--json", "--markdown"), ("--raw", "--json"), ("--section", "--raw")])
def test_show_prints_one_form(lab: Lab, keep: Keep, pair: tuple[str, str]) -> None:
    keep()
    words = [word for name in pair for word in ((name, "plan") if name == "--section" else (name,))]
    assert lab("show", "latest", *words).code == 2


def test_show_writes_a_page_of_its_own(lab: Lab, keep: Keep, tmp_path: Path) -> None:
    run = keep()
    ran = lab("show", "latest", "--html", str(tmp_path / "run.html"))
    assert (ran.code, ran.out) == (0, "")
    assert "run.html" in ran.err
    page = (tmp_path / "run.html").read_text()
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    assert run.run_id in page
    assert "<svg" in page


def test_show_as_markdown(lab: Lab, keep: Keep) -> None:
    keep()
    assert lab("show", "latest", "--markdown").out.startswith("| Model | Target |")


@pytest.mark.parametrize(("ref", "before"), [("latest", "latest~1"), ("latest~1", "latest~2")])
def test_a_damaged_newest_run_is_named_with_what_to_do(lab: Lab, keep: Keep, ref: str, before: str) -> None:
    """`runs` and `dash` skip it, so whoever asks for the newest is told how to get at the one before."""
    paths = [store.run_path(keep()), store.run_path(keep(**LATER))]
    damaged = paths[1] if ref == "latest" else paths[0]
    damaged.write_text("{")
    ran = lab("show", ref)
    assert ran.code == 1
    assert damaged.name in ran.err
    for step in ("lab store check", "lab store set-aside", before):
        assert step in ran.err


def test_show_refuses_a_damaged_run(lab: Lab, keep: Keep) -> None:
    path = store.run_path(keep())
    path.write_text(path.read_text().replace("9.8", "9.9", 1))
    ran = lab("show", "latest", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "does not match its sha256" in ran.err


def test_export_is_llama_benchs_json(lab: Lab, keep: Keep) -> None:
    keep()
    rows = lab("show", "latest", "--export", "llama-bench").document
    assert [(row["n_prompt"], row["n_gen"], row["n_depth"]) for row in rows] == [(512, 0, 0), (0, 127, 512)]


def test_a_slower_run_is_told_and_not_yet_proven(lab: Lab, keep: Keep) -> None:
    keep()
    keep(**LATER, cells=[cell([8.0, 8.1, 8.2, 8.1, 8.0])])
    ran = lab("compare", "latest~1", "latest")
    assert ran.code == 0
    assert "0.81 inconclusive" in ran.out
    document = lab("compare", "latest~1", "latest", "--json").document
    (row,) = [row for row in document["rows"] if row["cell"]["metric"] == "decode_tok_per_s"]
    verdict = row["verdicts"][SECOND]
    assert (verdict["word"], verdict["sessions_a"], verdict["sessions_b"]) == ("unproven", 1, 1)
    assert verdict["ratio"] == pytest.approx(0.81)
    assert (row["cell"]["prompt"], row["cell"]["generate"], row["cell"]["depth"]) == (512, 128, 0)


def test_something_that_broke_leaves_with_3(lab: Lab, keep: Keep) -> None:
    keep()
    keep(**LATER, cells=[FAILED])
    ran = lab("compare", "latest~1", "latest")
    assert ran.code == 3
    assert "broke: candidate: failed (killed by SIGSEGV)" in ran.out
    assert lab("compare", "latest~1", "latest", "--json").document["exit_code"] == 3


def test_unlike_runs_leave_with_5_and_say_why(lab: Lab, keep: Keep) -> None:
    keep()
    keep(**LATER, protocol={**DOCUMENT["protocol"], "version": 2})
    ran = lab("compare", "latest~1", "latest")
    assert ran.code == 5
    assert "not comparable: measured by different rules: 1 and 2" in ran.out


@pytest.mark.parametrize("argv", [["show", "latest"], ["show", "latest", "--json"], ["runs"], ["--help"]])
def test_a_reader_that_leaves_early_is_no_error(home: Path, keep: Keep, argv: list[str]) -> None:
    """As in `lab show latest | head -1`; here the reader has gone before the first word."""
    keep()
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "lab", *argv], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


READERS = (["models"], ["targets"], ["targets", "check"], ["runs"], ["show", "latest"], ["clean"])


@pytest.mark.parametrize(
    "argv",
    [
        ["models"],
        ["targets"],
        ["targets", "check"],
        ["runs"],
        ["show", "latest"],
        ["compare", "latest", "latest"],
        ["clean"],
    ],
)
def test_json_is_one_document_and_nothing_else(lab: Lab, keep: Keep, argv: list[str]) -> None:
    keep()
    ran = lab(*argv, "--json")
    assert ran.code == 0
    json.loads(ran.out)
    assert "NaN" not in ran.out
    assert ran.err == ""


def test_a_table_in_a_pipe_has_no_colours(lab: Lab, keep: Keep) -> None:
    keep()
    assert "\x1b" not in lab("show", "latest").out


def test_a_run_that_was_killed_is_no_longer_running(lab: Lab, keep: Keep, home: Path) -> None:
    """kill -9 leaves the record as it was after the last repetition; nobody holds the device any more."""
    run = keep(status="running")
    assert lab("runs", "--json").document["runs"][0]["status"] == "interrupted"
    assert "interrupted" in lab("runs").out
    assert "lab was killed" in " ".join(lab("show", run.run_id).out.split())
    assert lab("show", run.run_id, "--json").document["status"] == "running"  # exactly as it is stored


def test_a_tag_may_have_any_words_of_an_error_in_it(lab: Lab, keep: Keep) -> None:
    keep(tags=["means-2-runs"])
    keep(**LATER, tags=["means-1-run"])
    ran = lab("compare", "means-2-runs", "means-1-run", "--json")
    assert "no run" not in ran.err
    assert ran.document["baseline"] == "tag means-2-runs"


def test_a_beginning_of_two_ids_is_no_tag(lab: Lab, keep: Keep) -> None:
    keep()
    keep(**LATER)
    ran = lab("compare", "202611", "latest")
    assert ran.code == 1
    assert "means 2 runs" in ran.err


def test_what_an_earlier_lab_called_broken_computed_the_wrong_thing(lab: Lab, home: Path) -> None:
    """Recorded files stay as they are; status and word are those of today, beside the verdict `broke`."""
    lost = {**failed_repetition(0, "the logits differ"), "status": "broken"}
    old = {"status": "broken", "cells": [{**cell(), "status": "broken", "repetitions": [lost], "memory": None}]}
    path = Path(str(store.save(record(**LATER, **old))))
    path.write_bytes(digested_bytes({**DOCUMENT, **LATER, **old}))
    assert path.read_text().count('"broken"') == 3
    run = lab("runs", "--json").document["runs"][0]
    assert (run["status"], run["cells"][0]["status"]) == ("wrong_output", "wrong_output")
    for command in ("runs", "show latest", "dash --once"):
        out = lab(*command.split()).out
        assert "wrong output" in out
        assert "broken" not in out
