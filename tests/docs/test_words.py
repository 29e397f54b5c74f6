"""People read numbers in one form, and the field's terms: in pictures of screens, stored outputs and messages."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator

import pytest

from tests.docs.pages import ROOT

RENDERED = sorted(
    [
        *(ROOT / "tests/views/snapshots").glob("*.txt"),
        *(ROOT / "tests/cli/stored_before/outputs").glob("*.txt"),
        ROOT / "docs/verbs.md",
        ROOT / "docs/words.md",
    ]
)
# What was written by an earlier lab stays in stored files as it was.
STORED = re.compile(r"busy with other work.*|60% busy.*|late gaps took.*")
STRAY = {
    "percent without a space, or 5.0%": r"(?<!such as )(?<!--floor )(?<![0-9.])[0-9.]+%(?![0-9A-Za-z])",
    "a sign twice: slower by -9 %": r"\bby [-+]\d",
    "minus nothing": r"-0\.0 ?%",
    "unproven for inconclusive": r"\bunproven\b(?! is the inconclusive|`)",
    "held against": r"\bh[eo]ld against\b",
    "sessions a side": r"\bsessions? a side\b",
    "would prove it": r"would prove it",
    "leaves with a code": r"\bleaves? with (code )?[0-9]",
    "the verdict broke beside a status broken": r"broke\b.*\bbroken\b",
}


@pytest.mark.parametrize("name", STRAY)
def test_no_stray_form_is_shown(name: str) -> None:
    found = {
        f"{path.name}: {match[0]}"
        for path in RENDERED
        for line in path.read_text("utf-8").splitlines()
        for match in re.finditer(STRAY[name], STORED.sub("", line))
    }
    assert found == set()


def docstrings(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the docstrings, which only readers of the code see; those of verbs are their help."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for line in node.body:
                if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
                    yield line.value


@functools.cache
def messages() -> tuple[tuple[str, str], ...]:
    """Return every text of lab/ that is no docstring, with its file."""
    return tuple(_messages())


def _messages() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "lab").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        silent = {id(text) for text in docstrings(tree)} if "verbs" not in path.parts else set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
                yield str(path.relative_to(ROOT)), node.value


def test_percent_is_formatted_in_one_place() -> None:
    """lab.core.units.percent; `{:.1%}` would write 5.0%."""
    by_format = re.compile(r"\{[^{}\n]*:[+.0-9]*%\}")
    sources = [*(ROOT / "lab").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assert {path.name for path in sources if by_format.search(path.read_text("utf-8"))} == set()


@pytest.mark.parametrize("words", ["held against", "would tell", "would prove it", "no chance effect", "made good"])
def test_no_message_has_the_words_of_before(words: str) -> None:
    assert {f"{path}: {text}" for path, text in messages() if words in text} == set()
