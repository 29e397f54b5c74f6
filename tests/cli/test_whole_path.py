"""The commands as a user gives them, for real, on one layer of Phi-3-mini: built once, then used by all tests here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CHOICE = ("--target", "local", "--model", "phi3-mini-q4", "--layers", "1")
SHORT = ("--prompt", "16", "--generate", "8", "--repeats", "1")


def start(home: Path, *argv: str, env: Mapping[str, str] | None = None, module: str = "lab") -> subprocess.Popen[str]:
    whole = {**os.environ, "LAB_HOME": str(home), "COLUMNS": "80", **(env or {})}
    command = [sys.executable, "-m", module, *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=whole)


def lab(home: Path, *argv: str) -> tuple[int, str, str]:
    process = start(home, *argv)
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A home with one recorded run, and what `lab run --json` said from nothing."""
    home = tmp_path_factory.mktemp("home")
    code, out, err = lab(home, "run", *CHOICE, *SHORT, "--json")
    assert code == 0, err
    return home, out, err


@pytest.fixture
def home(measured: tuple[Path, str, str]) -> Path:
    return measured[0]


def test_json_on_stdout_is_the_profile_and_all_talk_is_on_stderr(measured: tuple[Path, str, str]) -> None:
    home, out, err = measured
    (path,) = (home / "profiles" / "local").glob("*.json")
    assert out == path.read_text()
    assert "compile model: done in" in err
    assert "convert weights: done in" in err


def test_the_run_is_real_and_labelled(measured: tuple[Path, str, str]) -> None:
    document: dict[str, Any] = json.loads(measured[1])
    assert document["status"] == "ok"
    assert document["verify"]["passed"]
    assert min(document["peak"]["before"]["int8_ops_per_s"] + document["peak"]["after"]["f32_ops_per_s"]) > 1e6
    assert document["model"]["layer_weights"] == 3 * 3072**2 + 3072**2 + 3 * 3072 * 8192
    assert (document["model"]["layers"], document["model"]["layers_total"]) == (1, 32)
    assert document["weights"]["synthetic"]
    (cell,) = document["cells"]
    (repetition,) = cell["repetitions"]
    assert len(repetition["token_ns"]) == 8
    assert repetition["decode_tok_per_s"] > 0
    assert cell["memory"]["rss_peak_bytes"] > document["bundle"]["memory"]["weights_bytes"] / 2
    steps = ("compile", "convert", "runner", "measure")
    assert sum(document["time_s"][step] for step in steps) < document["time_s"]["total"]


def test_the_examples_of_the_page_for_python_work_as_written(home: Path) -> None:
    """lab.run and lab.compile, in a process of their own as in a notebook."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "notebooks.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.partition("## Measuring and compiling")[2], re.DOTALL))
    assert code.count("lab.run(") == 1
    env = {**os.environ, "LAB_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=home, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "tokens a second with" in done.stdout


def test_again_nothing_is_built_and_the_table_is_for_people(home: Path) -> None:
    code, out, err = lab(home, "run", *CHOICE, *SHORT)
    assert code == 0
    assert not any(word in err for word in ("compile model", "convert weights", "build the runner"))
    for said in ("phi3-mini-q4@1l on local", "only 1 of 32 layers", "random weights", "Peak VmHWM", "Time: "):
        assert said in out


def test_the_build_agrees_with_transformers(home: Path) -> None:
    code, out, err = lab(home, "verify", *CHOICE, "--prompt-tokens", "40", "--steps", "6", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["agreement"]["positions"] == 6
    assert 0 < found["agreement"]["rel_error_worst"] <= 0.05
    assert found["agreement"]["argmax_agreement"] >= 0.5


def test_ctrl_c_keeps_finished_repetitions(home: Path) -> None:
    process = start(home, "run", *CHOICE, "--prompt", "16", "--generate", "8", "--repeats", "50")
    assert process.stderr is not None
    for line in process.stderr:
        if " 1/50: " in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "repetitions were finished; the run is kept in" in err
    assert "interrupted" in out
    run = json.loads(lab(home, "show", "latest", "--json")[1])
    assert run["status"] == "interrupted"
    assert run["cells"][0]["repetitions"][0]["status"] == "ok"


def test_a_killed_conversion_leaves_nothing_that_is_taken_for_whole(home: Path) -> None:
    process = start(home, "convert", "--model", "phi3-mini-q4", "--layers", "2")
    assert process.stderr is not None
    assert next(process.stderr).startswith("convert weights")
    process.kill()
    process.communicate()
    code, out, _ = lab(home, "clean", "--stale", "--json")
    assert code == 0
    assert [row["kind"] for row in json.loads(out)["folders"]] == ["stale"]


def test_sigterm_is_as_polite_as_ctrl_c(home: Path) -> None:
    process = start(home, "convert", "--model", "phi3-mini-q4", "--layers", "3")
    assert process.stderr is not None
    assert next(process.stderr).startswith("convert weights")
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing half-made is left" in err
    assert not list((home / "compiled" / "weights").glob("*@3l*"))


def test_the_phases_of_the_compiler_can_be_read(home: Path, tmp_path: Path) -> None:
    code, out, err = lab(home, "compile", *CHOICE, "--dump-ir", str(tmp_path / "ir"))
    assert code == 0, err
    assert Path(out.strip()).is_dir()
    dumped = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert len(dumped) >= 3
    assert all((tmp_path / "ir" / name).stat().st_size > 0 for name in dumped)
