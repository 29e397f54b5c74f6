"""What an earlier lab stored is still read, and shown and judged as that lab did: tests/cli/stored_before."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.views.tui.source import Source
from tests.cli.conftest import Lab

STORED = Path(__file__).parent / "stored_before"
OUTPUTS = STORED / "outputs"
BOARD, LATER = "20260105-210000-000004", "20260120-210000-000019"
PHONE, FELL_BACK = "20260204-210000-00aa05", "20260205-210000-00aa05"

# Name of the file that holds the output -> exit code and command.
COMMANDS = {
    "runs.txt": (0, "runs"),
    "show-board.txt": (0, f"show {BOARD} --raw"),
    "show-board-stored.json": (0, f"show {BOARD} --json"),
    "show-real.txt": (0, "show 20261128-225737-363a11 --raw"),
    "show-failed.txt": (0, "show 20260201 --raw"),
    "show-interrupted.txt": (0, "show 20260202 --raw"),
    "show-gpu.txt": (0, f"show {PHONE} --raw"),
    "show-fell-back.txt": (0, f"show {FELL_BACK} --raw"),
    "show-emulated.txt": (0, "show 20260207 --raw"),
    "show-imported.txt": (0, "show 20261124 --raw"),
    "page-real.txt": (0, "show 20261128-225737-363a11"),
    "page-failed.txt": (0, "show 20260201"),
    "page-interrupted.txt": (0, "show 20260202"),
    "page-gpu.txt": (0, f"show {PHONE}"),
    "page-imported.txt": (0, "show 20261124"),
    "page-real.md": (0, "show 20261128-225737-363a11 --markdown"),
    "show-exported.json": (0, f"show {BOARD} --export llama-bench"),
    "compare-runs.json": (0, f"compare {BOARD} {LATER} --json"),
    "compare-fell-back.json": (3, f"compare {PHONE} {FELL_BACK} --json"),
    "compare-imported.json": (5, "compare 20261128 20261124 --json"),
    "compare-tags.txt": (3, "compare before after"),
    "compare-tags.json": (3, "compare before after --json"),
    "compare-quant.json": (0, "compare --axis quant --target local --model phi3-mini --json"),
    "compare-targets.txt": (0, "compare --axis target --model phi3-mini-q4 --emulated"),
    "gate-tags.txt": (3, "gate --baseline before --candidate after --all"),
    "gate-tags.json": (3, "gate --baseline before --candidate after --all --json"),
    "gate-same.json": (0, "gate --baseline 20260102..20260106 --candidate before --json"),
    "gate-fell-back.json": (3, f"gate --baseline {PHONE} --candidate {FELL_BACK} --json"),
    "gate-missing.json": (3, "gate --baseline before --candidate v3 --json"),
    "regressions.txt": (3, "regressions --all"),
    "regressions.json": (3, "regressions --all --json"),
    "accepted.json": (0, "ack --list --json"),
    "dash-overview.txt": (0, "dash --once"),
    "dash-overview.json": (0, "dash --once --json"),
    "dash-nights.txt": (0, "dash nights --once"),
    "dash-regressions.txt": (0, "dash regressions --once"),
    "calibrated.json": (0, "calibrate board --show --json"),
    "target.json": (0, "targets check board --json"),
    "store-check.json": (0, "store check --json"),
}


@pytest.fixture
def stored(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home as the earlier lab left it, with paths that are printed relative to it."""
    shutil.copytree(STORED, home, dirs_exist_ok=True)
    (home / "recorded").rename(home / "profiles")
    monkeypatch.chdir(home)
    return home


def comparable(name: str, text: str) -> Any:
    """Text as it is; JSON parsed, with numbers to nine digits: sums differ in the last ones between processors."""
    return json.loads(text, parse_float=lambda digits: float(f"{float(digits):.9g}")) if ".json" in name else text


@pytest.mark.parametrize("name", COMMANDS)
def test_shown_and_judged_as_before(lab: Lab, stored: Path, name: str) -> None:
    code, command = COMMANDS[name]
    ran = lab(*shlex.split(command))
    out = ran.out.replace(str(stored), "HOME")
    assert comparable(name, out) == comparable(name, (OUTPUTS / name).read_text()), ran.err
    assert ran.code == code
    assert "Traceback" not in ran.err


def test_every_cell_of_a_dashboard_opens_whatever_its_run_is_kept_in(stored: Path) -> None:
    source = Source()
    board = source.board(source.load(), source.spec("overview"), judged=True)
    cells = [cell for row in board.rows for cell in row.cells if cell.key is not None]
    assert any("#" in cell.place and "#" in cell.baseline_place for cell in cells)  # members of an archive
    for cell in cells:
        assert cell.key is not None
        assert source.record(cell.key, cell.run_id, cell.place).run_id == cell.run_id
        assert source.detail(cell).baseline_run_id == cell.baseline_run_id


def test_every_output_is_compared() -> None:
    assert {path.name for path in OUTPUTS.iterdir()} == set(COMMANDS)


def test_a_record_that_is_saved_again_loses_nothing(stored: Path) -> None:
    for entry in store.entries():
        at = store.place(entry.place)
        before = store.load_document(at)
        after = store.load_document(store.save(store.load(at)))
        assert holds(after, {key: value for key, value in before.items() if key != "sha256"})


def holds(after: Any, before: Any) -> bool:
    """Whether everything that stood there stands there still; keys that a later lab knows may have come."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(key in after and holds(after[key], before[key]) for key in before)
    if isinstance(before, list):
        return isinstance(after, list) and len(after) == len(before) and all(map(holds, after, before))
    return bool(after == before)
