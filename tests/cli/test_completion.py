"""Shell completion, by the shells themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.verbs.completion import SHELLS
from tests.cli.conftest import Keep, Lab


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`lab` on the PATH, whatever is installed here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "lab"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m lab "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return script


def in_bash(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = (
        'eval "$(lab completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        "_lab_completion lab; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("lab reg", ["regressions"]),
        ("lab store set", ["set-aside"]),
        ("lab run --mod", ["--model"]),
        ("lab run --target pixel8-c", ["pixel8-cpu"]),
        ("lab run --target local,pixel8-c", ["local,pixel8-cpu"]),
        ("lab run -m phi3-mini-q", ["phi3-mini-q4", "phi3-mini-q8"]),
        ("lab show 2026", ["20261123-210000-ab12cd"]),
        ("lab show lat", ["latest"]),
        ("lab dash over", ["overview"]),
        ("lab gate --metric decode", ["decode_tok_per_s"]),
        ("lab runs --status fai", ["failed"]),
        ("lab completion f", ["fish"]),
        ("lab run --target no-such-", [""]),
    ],
)
def test_bash_completes(program: Path, keep: Keep, words: str, offered: list[str]) -> None:
    keep()
    assert in_bash(*words.split()) == [one for one in offered if one]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_line_of_the_help_prints_the_script(lab: Lab, shell: str) -> None:
    ran = lab("completion", shell)
    assert ran.code == 0
    assert f"_LAB_COMPLETE={shell}_complete" in ran.out


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_as_they_ask(program: Path, shell: str, home: Path) -> None:
    """By the environment that their scripts set; fish gives the word itself in COMP_CWORD."""
    asked = {"zsh": {"COMP_WORDS": "lab run --target pixel8-c", "COMP_CWORD": "3"}}
    asked["fish"] = {"COMP_WORDS": "lab run --target pixel8-c", "COMP_CWORD": "pixel8-c"}
    env = {**os.environ, "_LAB_COMPLETE": f"{shell}_complete", **asked[shell]}
    done = subprocess.run([str(program)], env=env, capture_output=True, text=True, check=True)
    assert "pixel8-cpu" in done.stdout
    assert done.stderr == ""


def test_a_home_that_is_none_is_no_noise_at_a_prompt(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    env = {**os.environ, "_LAB_COMPLETE": "bash_complete", "COMP_WORDS": "lab show ", "COMP_CWORD": "2"}
    done = subprocess.run(
        [str(program)], env={**env, "LAB_HOME": str(tmp_path / "file")}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")
