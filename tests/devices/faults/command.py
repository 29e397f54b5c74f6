"""The command `lab` as a user starts it, with a narrow network more, in a home of its own; what it leaves on record."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import store
from lab.formats.run_record import RunRecord
from tests import narrow
from tests.compiled import share
from tests.devices import emulated

MEASURE = """[measure]
repeats = 2
warmup_cap = 1
max_busy = 1.0
prefill_chunk = 8
"""
CELL = ("--model", narrow.MODEL, "--layers", "2", "--prompt", "8", "--generate", "4")
COMMAND_S = 580


@dataclass(frozen=True)
class Command:
    """`lab` with `home` for its own and whatever else is in the environment."""

    home: Path

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", narrow.__name__, *words],
            env={**os.environ, "LAB_HOME": str(self.home), "LAB_LOCKS": str(self.home / "locks"), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str) -> tuple[int, str]:
        """Run it to its end; return its exit code and all that it said."""
        process = self.start(*words)
        out, err = process.communicate(timeout=COMMAND_S)
        return process.returncode, err + out

    def target(self, name: str, tables: str, measure: str = MEASURE) -> None:
        """Write a target file."""
        (self.home / "targets").mkdir(exist_ok=True)
        text = f'schema = 1\nname = "{name}"\ndescription = ""\n{tables}{measure}'
        (self.home / "targets" / f"{name}.toml").write_text(text)

    def records(self, target: str) -> list[RunRecord]:
        """Return the records of a target, oldest first; each file reads."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAB_HOME", str(self.home))
            found = list(store.iter_runs())
        assert all(isinstance(one, RunRecord) for one in found)
        mine = [one for one in found if isinstance(one, RunRecord) and one.target.name == target]
        return sorted(mine, key=lambda one: one.run_id)


def command_in(home: Path) -> Command:
    share(home)
    emulated.share_images(home)
    return Command(home)
