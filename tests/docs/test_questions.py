"""The questions of docs/dashboards.md: each has its answer where the page says that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from lab.jobs.demo.world import Line, world_of
from lab.jobs.demo.write import write_runs
from lab.views.tui.app import LabApp
from tests.cli.conftest import Lab
from tests.cli.test_help import ALL
from tests.views.tui.driving import drive, press, screen_text

PAGE = (Path(__file__).parents[2] / "docs" / "dashboards.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Ten questions")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE.splitlines() if line.startswith("| ")][1:]
# What the command's output has to hold, as far as it can run here.
ANSWERS = {
    "What got worse?": r"pixel8 phi3-mini-q4 tvm[\s\S]*slower",
    "Since when?": r"2026\d{4}-\d{6}-",
    "By which commit?": r"[0-9a-f]{9}\.\.[0-9a-f]{9}",
    "On which devices?": r"pixel8",
    "What is the fastest device for this model?": r"pixel8[\s\S]*rpi5|rpi5[\s\S]*pixel8",
    "Does decode fall with depth?": r"512",
    "How much memory?": r"MiB|GiB",
    "What ran when it failed?": r"",
    "How does this run differ from that one?": r"devices? differ|not comparable|pixel8",
}


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices over 30 nights, the first of which lost 8 % of decode."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    lines = (Line("pixel8", "phi3-mini-q4", "tvm"), Line("rpi5", "phi3-mini-q4", "tvm"))
    (home / "profiles").mkdir()
    write_runs(home, world_of(lines, 30, 0))


def test_there_are_ten() -> None:
    assert len(ROWS) == 10
    assert set(ANSWERS) < {row[0] for row in ROWS}


def test_every_command_is_one_of_the_program() -> None:
    for _, _, told in ROWS:
        for command in re.findall(r"`lab ([^`]*)`", told):
            verb, *words = shlex.split(command)
            if words:
                ALL[verb].make_context(verb, list(words), resilient_parsing=True)
            assert verb in ALL


def test_the_commands_answer(lab: Lab, store: None) -> None:
    for question, answer in ANSWERS.items():
        told = next(row[2] for row in ROWS if row[0] == question)
        command = re.findall(r"`lab ([^`]*)`", told)[0]
        ran = lab(*shlex.split(command))
        assert ran.code in (0, 3, 5), (command, ran.err)
        assert re.search(answer, ran.out), (command, ran.out)


def key_of(question: str) -> str:
    """The number of a dashboard that the page names: it changes when a dashboard comes with lab."""
    return next(row[1] for row in ROWS if row[0] == question)[1]


def test_the_keys_answer(store: None) -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, "g")
        text = screen_text(app)
        for column in ("Target", "When", "Commits", "pixel8", "slower", "open"):
            assert column in text
        await press(app, pilot, "enter")
        assert "SAMPLES" in screen_text(app)
        await press(app, pilot, "escape", key_of("What is the fastest device for this model?"))
        rates = dict(re.findall(r"pp128\+tg32 .*(pixel8|rpi5) +([\d.]+) tok/s", screen_text(app)))
        assert float(rates["pixel8"]) > float(rates["rpi5"])
        deep = dict(re.findall(r"pp128\+tg32@d512 .*(pixel8|rpi5) +([\d.]+) tok/s", screen_text(app)))
        assert float(deep["pixel8"]) < float(rates["pixel8"])
        await press(app, pilot, key_of("How much memory?"), "end")
        assert "Peak memory" in screen_text(app)

    drive(play, size=(160, 40))
