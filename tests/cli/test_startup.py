"""`lab --help` answers at once: it imports nothing heavy and none of the verbs."""

from __future__ import annotations

import subprocess
import sys
from keyword import iskeyword

import pytest

from lab.cli.app import VERBS

HEAVY = {"tvm", "torch", "transformers", "pandas", "numpy", "rich", "textual", "safetensors", "pyarrow", "sqlalchemy"}
PROBE = """
import sys
from lab.cli import main
code = main({argv!r})
loaded = {{name.partition(".")[0] for name in sys.modules}} & {heavy!r}
verbs = sorted({{name.split(".")[3] for name in sys.modules if name.startswith("lab.cli.verbs.")}})
print(code, sorted(loaded), verbs, file=sys.stderr)
"""


def probe(*argv: str) -> str:
    code = PROBE.format(argv=list(argv), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("argv", [["--help"], ["--version"], []])
def test_help_imports_nothing_heavy_and_no_verb(argv: list[str]) -> None:
    assert probe(*argv).endswith(" [] []")


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_imports_that_verb_and_nothing_heavy(verb: str) -> None:
    module = f"{verb}_" if iskeyword(verb) else verb
    assert probe(verb, "--help") == f"0 [] ['{module}']"


def test_python_m_lab_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "lab", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lab, version ")


def test_help_answers_within_a_quarter_of_a_second() -> None:
    """The best of several processor times, so that a busy machine cannot make it fail."""
    code = "import time; from lab.cli import main; main(['--help']); print(time.process_time())"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    assert min(float(run.stdout.splitlines()[-1]) for run in runs) < 0.25
