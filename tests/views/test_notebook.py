"""Runs and comparisons at the end of a notebook's cell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lab
from lab import store
from tests.analysis.documents import DOCUMENT, record
from tests.analysis.sessions import sessions

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def put(**changes: Any) -> None:
    for one in sessions(0, 10.0, 3, **changes):
        store.save(one)


def test_a_run_shows_its_tests_and_what_to_know() -> None:
    store.save(record(device={**DOCUMENT["device"], "facts": {"cpu_model": HOSTILE}}))
    (run,) = lab.open().runs()
    html = run._repr_html_()
    assert html is not None
    assert "pp512+tg128</td>" in html
    assert "run 20261123-210000-ab12cd" in html
    assert "<script" not in html


def test_a_comparison_shows_its_table() -> None:
    put()
    for one in sessions(10, 12.0, 3, target={"name": "pixel8", "spec": {}}):
        store.save(one)
    found = lab.open().compare("target", metrics=["decode_tok_per_s"])
    html = found._repr_html_()
    assert html is not None
    assert "<th" in html
    assert "1.20 faster</td>" in html
    assert found.reference == "local"
    assert lab.open().compare("target", reference="pixel8").reference == "pixel8"


def test_what_lab_open_takes_is_checked() -> None:
    put()
    with pytest.raises(lab_error(), match="Did you mean 'target'"):
        lab.open().compare("targets")
    with pytest.raises(lab_error(), match="unknown engine"):
        lab.open().compare("target", engine="tmv")


def lab_error() -> type[Exception]:
    from lab.core.errors import UsageError

    return UsageError


def test_drawing_is_brought_when_something_is_shown_and_not_before() -> None:
    heavy = ("rich", "numpy", "matplotlib", "textual")
    code = f"import sys, lab; lab.open(); print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
