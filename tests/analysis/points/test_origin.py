"""Kept points are believed as long as the code that derived them is the same: all of it, and nothing else."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from lab.analysis.points.cache import ROOT, digest_of, reached


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT, tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__", "*.cc", "*.h"))
    return tmp_path / "lab"


def closure() -> set[str]:
    """What points.build imports, and what that imports: by the syntax tree, which is slow and sure."""
    paths = {".".join(("lab", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")}
    left, found = ["lab.analysis.points.build"], set[str]()
    while left:
        name = left.pop()
        if name in found or name not in paths:
            continue
        found.add(name)
        for node in ast.walk(ast.parse(paths[name].read_text())):
            if isinstance(node, ast.ImportFrom):
                inside = [f"{node.module}.{one.name}" for one in node.names]
                names = inside if node.module == "lab" else [str(node.module), *inside]
                left += [name + end for name in names for end in ("", ".__init__")]
            elif isinstance(node, ast.Import):
                left += [one.name for one in node.names]
    return found


def test_everything_that_can_be_reached_is_looked_at() -> None:
    found = {".".join(("lab", *path.relative_to(ROOT).with_suffix("").parts)) for path in reached(ROOT)}
    assert closure() == found
    assert {"lab.models.quant", "lab.models.layouts.n16k4", "lab.formats.run_record"} <= found


@pytest.mark.parametrize(
    "file", ["models/quant.py", "models/layouts/n16k4.py", "formats/metrics.py", "analysis/run/flags.py"]
)
def test_points_of_other_rules_are_of_another_origin(copy: Path, file: str) -> None:
    before = digest_of(copy)
    assert before == digest_of(ROOT)
    (copy / file).write_text((copy / file).read_text() + "\nX = 1\n")
    assert digest_of(copy) != before


@pytest.mark.parametrize(
    "file", ["cli/main.py", "analysis/judging/judge.py", "store/compact.py", "models/decoder/network.py"]
)
def test_what_derives_no_points_costs_no_reading_anew(copy: Path, file: str) -> None:
    before = digest_of(copy)
    (copy / file).write_text((copy / file).read_text() + "\nX = 1\n")
    assert digest_of(copy) == before
