"""A runner that dies with escape sequences on its stderr: none reaches a terminal, a note or the record."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import LabError
from lab.core.fields import encode
from lab.formats.run_record import TimesRecord
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import measure
from lab.ondevice.build import RunnerFiles
from lab.views.console import to_text
from lab.views.progress import JsonProgress, PlainProgress
from lab.views.progress.fleet import fleet_rows
from lab.views.progress.live import LiveProgress
from lab.views.runs.run_table import run_table
from tests.measure.bench import Bench
from tests.measure.samples import bundle

CASE = Path("tests/cases/security/runner-stderr-escapes.sh")
POISON = "a\x1b]0;t\x07\x1b[2J\x9b2J\u202e\u200b\r\nb[/x]"
# What rich moves the cursor with, and its colours.
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh]|\r")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clean(text: str) -> bool:
    return all(char == "\n" or char.isprintable() for char in text)


def _setup(bench: Bench, runner: RunnerFiles, progress: Any) -> RunnerSetup:
    return RunnerSetup(bundle(bench.folder / "bundle"), bench.target, runner, progress, TimesRecord())


def session(bench: Bench, progress: Any) -> Any:
    runner = bench.runner()
    # It can be started, and dies where it measures.
    sound = runner.binary.read_text().splitlines()[1]
    runner.binary.write_text(f'#!/bin/sh\nif [ "$1" = run ]; then\n{CASE.read_text()}\nfi\n{sound}\n')
    plan = replace(bench.plan, repeats=1, bandwidth_passes=1)
    return measure(bench.device, _setup(bench, runner, progress), plan)


@pytest.mark.parametrize("kind", [PlainProgress, JsonProgress])
def test_a_session_says_nothing_that_a_terminal_obeys(bench: Bench, kind: Any) -> None:
    out = io.StringIO()
    record = session(bench, kind(out))
    assert "oops" in out.getvalue()
    assert clean(out.getvalue())
    assert record.cells[0].status == "failed"
    assert all(text.isprintable() for text in texts(encode(record)))
    assert clean(to_text(run_table(record, 80), 80))


def test_a_session_in_a_terminal_moves_only_its_own_lines(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with LiveProgress(out) as live:
        session(bench, live)
        live.note(POISON)
        with live.phase(POISON, 2.0, POISON) as advance:
            advance(1.0)
    assert "oops" in out.getvalue()
    assert clean(OWN.sub("", out.getvalue()))


@pytest.mark.parametrize("kind", [PlainProgress, JsonProgress])
def test_notes_and_phases_are_one_line_each(kind: Any) -> None:
    out = io.StringIO()
    progress = kind(out)
    progress.note(POISON)
    with progress.phase(POISON, float("inf"), POISON):
        progress.note("x" * 40_000)
    assert clean(out.getvalue())
    assert len(out.getvalue().splitlines()) in (4, 5)


def test_targets_at_once_are_clean_too() -> None:
    from lab.jobs.fleet.member import Member

    one = Member(POISON)
    one.hear(POISON)
    one.hear('{"phase": "\\u001b[2J", "total": 3}')
    one.hear('{"phase": 1}')
    one.hear('{"note": "\\u009b2J", "advance": "x"}')
    assert clean(to_text(fleet_rows([one]), 80))
    assert one.phase == "[2J"


def test_a_runner_that_cannot_be_started_is_told_in_printable_text(bench: Bench) -> None:
    runner = bench.runner()
    runner.binary.write_text(CASE.read_text())
    plan = replace(bench.plan, repeats=1, bandwidth_passes=1)
    with pytest.raises(LabError, match="oops") as caught:
        measure(bench.device, _setup(bench, runner, PlainProgress(io.StringIO())), plan)
    assert clean(caught.value.what)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in [key, *texts(one)]]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []
