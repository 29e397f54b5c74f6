"""docs/notebooks: notebooks without outputs, whose cells run from top to bottom.

They are run by `exec`: nbclient starts a kernel, with ZeroMQ and a process for each notebook, to run the same lines.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib import pyplot

from tests.docs.nights import keep_nights

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    keep_nights()
    return tmp_path


def sources(path: Path) -> list[str]:
    document = json.loads(path.read_text("utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    code = [one for one in document["cells"] if one["cell_type"] == "code"]
    assert [one["outputs"] for one in code] == [[]] * len(code)  # what a run prints is that machine's
    assert {one["execution_count"] for one in code} == {None}
    return ["".join(one["source"]) for one in code]


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; return the value of its last expression."""
    parsed = ast.parse(source)
    last = parsed.body.pop() if isinstance(parsed.body[-1], ast.Expr) else None
    exec(compile(parsed, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(home: Path, path: Path) -> None:
    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    try:
        shown = [run(source, names) for source in sources(path)]
        for figure in map(pyplot.figure, pyplot.get_fignums()):
            figure.canvas.draw()
    finally:
        pyplot.close("all")
    html = [one._repr_html_() for one in shown if hasattr(one, "_repr_html_")]
    assert all(html)
    assert any(one is not None for one in shown)


def test_there_are_notebooks_and_the_page_names_each() -> None:
    page = (FOLDER.parent / "notebooks.md").read_text("utf-8")
    assert NOTEBOOKS
    assert [path.name for path in NOTEBOOKS if f"notebooks/{path.name}" not in page] == []
