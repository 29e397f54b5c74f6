"""Each flag of a run says what to do about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from lab.analysis.run import flags
from lab.analysis.run.advice import advice, resume_command
from lab.formats.run.cells import CellStatus
from lab.formats.run_record import RunStatus
from tests.analysis.documents import record

CODES = {
    *re.findall(r'Flag\(\s*"(\w+)"', Path(flags.__file__).read_text("utf-8")),
    *(code for code in get_args(RunStatus) if code != "ok"),
    *(f"cell_{code}" for code in get_args(CellStatus) if code != "ok"),
    *("throttled", "slowed"),
    *flags.IMPOSSIBLE,
    *flags.DOUBTS,
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_flag_has_a_next_step(code: str) -> None:
    text = advice(code, record())
    assert text
    assert "{" not in text


def test_the_codes_are_those_that_runs_have() -> None:
    assert {"synthetic", "cv_over_gate", "above_roof", "interrupted", "cell_failed"} <= CODES


def test_an_interrupted_run_names_the_command_that_goes_on_with_it() -> None:
    run = record(status="interrupted", reason="stopped by Ctrl-C")
    assert f"lab run --resume {run.run_id}" in advice("interrupted", run)


def test_what_cannot_be_resumed_is_not_said_to_be() -> None:
    run = record(status="interrupted", reason="stopped by Ctrl-C", session="20261123-210000-ab12cd")
    assert resume_command(run) is None
    assert "--resume" not in advice("interrupted", run)


def test_the_command_asks_for_what_no_record_holds() -> None:
    assert str(resume_command(record(by_address=True))).endswith(" --at ADDRESS")
    weights = {"key": "a" * 64, "source": "huggingface", "source_id": "x", "synthetic": False, "layout": "n16k4"}
    assert str(resume_command(record(weights=weights))).endswith(" --weights DIR")
