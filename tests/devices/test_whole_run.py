"""`lab run` on every kind of device, as a user starts it.

Of two real layers of Phi-3-mini on this machine's processor, of one on an emulated one, and of a narrow network where
a whole machine is emulated around it: that takes minutes to receive, check and read what a real one is large by.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import narrow
from tests.compiled import share
from tests.devices.kinds import Kind

pytestmark = pytest.mark.slow

KINDS = ("local", "ssh", "machine-ssh", "machine-adb", "phone-adb-shell")  # each link and each machine once
MIB = 1 << 20


@dataclass(frozen=True)
class Model:
    """What is run, and limits in bytes: of what is sent for it, and of the memory that it takes."""

    id: str
    layers: int
    sent: int
    resident: tuple[int, int]


REAL = Model("phi3-mini-q4", 2, 200 * MIB, (150 * MIB, 700 * MIB))
OTHERS = {
    "machine by ssh": Model(narrow.MODEL, 2, 2 * MIB, (8 * MIB, 60 * MIB)),
    "machine by adb": Model(narrow.MODEL, 2, 2 * MIB, (8 * MIB, 60 * MIB)),
    "phone by adb-shell": Model("phi3-mini-q4", 1, 150 * MIB, (100 * MIB, 600 * MIB)),
}
MEASURE = """[measure]
repeats = 1
warmup_cap = 1
max_busy = 1.0
timeout_s = 600
prefill_chunk = 8
"""
RUN = ("run", "--target", "box", "--prompt", "8", "--generate", "4", "--json")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is built is built once for all kinds of the same processor."""
    home = tmp_path_factory.mktemp("home")
    share(home)
    return home


@pytest.fixture(scope="module")
def model(kind: Kind) -> Model:
    return OTHERS.get(kind.name, REAL)


@pytest.fixture(scope="module")
def runs(kind: Kind, model: Model, home: Path) -> list[dict[str, Any]]:
    """The records of two runs, one after the other."""
    (home / "targets").mkdir(exist_ok=True)
    text = f'schema = 1\nname = "box"\ndescription = ""\n{kind.tables}{MEASURE}'
    (home / "targets" / "box.toml").write_text(text)
    return [lab(home, model), lab(home, model)]


def lab(home: Path, model: Model) -> dict[str, Any]:
    argv = [sys.executable, "-m", narrow.__name__, *RUN, "--model", model.id, "--layers", str(model.layers)]
    done = subprocess.run(argv, env={**os.environ, "LAB_HOME": str(home)}, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for cell in record["cells"] for row in cell["repetitions"]]


def test_it_computes_the_right_thing(runs: list[dict[str, Any]]) -> None:
    for record in runs:
        assert record["status"] == "ok"
        assert record["verify"]["passed"]
        assert record["verify"]["argmax_match"]


def test_every_token_is_on_record(runs: list[dict[str, Any]]) -> None:
    assert [len(row["token_ns"]) for record in runs for row in rows(record)] == [4] * 2
    assert len({row["tokens_sha256"] for record in runs for row in rows(record)}) == 1


def test_the_model_is_sent_once(runs: list[dict[str, Any]], kind: Kind, model: Model) -> None:
    first, second = (record["pushed"] for record in runs)
    if not kind.remote:
        assert (first, second) == (None, None)
        return
    assert first["sent_bytes"] > model.sent
    assert (second["sent_bytes"], second["kept_bytes"]) == (0, first["sent_bytes"] + first["kept_bytes"])


def test_the_record_says_what_it_ran_on(runs: list[dict[str, Any]], kind: Kind) -> None:
    device = runs[0]["device"]
    assert device["emulated"] is kind.emulated
    assert device["facts"]["arch"] == runs[0]["engine"]["ran_on"]["arch"] == kind.arch
    assert "link" in device["facts"] or not kind.remote


def test_memory_is_true_or_refused(runs: list[dict[str, Any]], model: Model) -> None:
    memory = runs[0]["cells"][0]["memory"]
    if str(runs[0]["device"]["facts"].get("emulator")).startswith("qemu-user"):
        assert memory["rss_peak_bytes"] is None
        assert "qemu-user" in memory["reason"]
        return
    least, most = model.resident
    assert least < memory["rss_peak_bytes"] < most
    assert memory["counter"] == "VmHWM"
