"""What the README and the pages beside it say is so: commands, verbs, exit codes, words, links."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lab.cli.app import VERBS
from lab.cli.main import EXIT_BROKEN_PIPE, EXIT_BUG, EXIT_USAGE
from lab.cli.problems import EXIT_INTERRUPTED
from lab.core import errors
from tests.cli.conftest import Keep, Lab
from tests.cli.test_help import ALL

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
VERBS_PAGE = (ROOT / "docs" / "verbs.md").read_text(encoding="utf-8")
WRITTEN = VERBS_PAGE.partition("<!-- made:")[0]  # examples of the help are tried by tests/cli/test_help.py
READ_ONLY = ("models", "targets", "runs", "show", "regressions", "clean", "compare latest~1 latest")


def examples() -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"^\$ (lab .*)$", WRITTEN, re.MULTILINE)]


def only_reads(words: list[str]) -> bool:
    return words[0] in READ_ONLY or " ".join(words) in READ_ONLY


@pytest.mark.parametrize("words", [words for words in examples() if only_reads(words)], ids=" ".join)
def test_examples_that_only_read_work(words: list[str], lab: Lab, keep: Keep) -> None:
    keep()
    keep(run_id="20261124-210000-ab12ce", created_at="2026-11-24T21:00:00Z")
    ran = lab(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out


@pytest.mark.parametrize("words", [words for words in examples() if not only_reads(words)], ids=" ".join)
def test_examples_that_build_are_understood(words: list[str]) -> None:
    ALL[words[0]].make_context(words[0], ["." if word.startswith("~") else word for word in words[1:]])


def test_every_verb_has_an_example_and_a_line() -> None:
    assert {words[0] for words in examples()} == set(VERBS)
    table = README.partition("| verb |")[2].partition("\n\n")[0]
    for verb in VERBS:
        assert f"`{verb}`" in table


def test_exit_codes_are_those_of_the_program() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    section = page.partition("## Exit codes of every verb")[2].partition("\n## ")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LabError)]
    ours = {0, EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE}
    assert told == {kind.exit_code for kind in kinds} | ours


def test_verdicts_are_those_of_the_judge() -> None:
    from typing import get_args

    from lab.formats.verdicts import Word

    page = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    told = page.partition("The verdicts are")[2].partition(".")[0]
    assert set(re.findall(r"`([a-z-]+)`", told)) == set(get_args(Word))


@pytest.mark.parametrize(("marker", "ending"), [("run", "phi3-mini-q4"), ("test", "pytest -q")])
def test_ci_takes_its_commands_from_here(marker: str, ending: str) -> None:
    """The very lines of .ci/run that read the README, tried on it."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    function = re.search(r"^readme_command\(\) \{.*?^\}$", script, re.MULTILINE | re.DOTALL)
    assert function is not None
    command = f"repo={shlex.quote(str(ROOT))}\n{function.group()}\nreadme_command {marker}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.endswith(ending)
    assert line in README


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[<>=\[]", line)[0] for group in groups for line in group} - {project["name"]}
    reasons = (ROOT / "docs" / "decisions" / "0007-dependencies.md").read_text(encoding="utf-8")
    assert {name for name in names if f"`{name}`" not in reasons} == set()
