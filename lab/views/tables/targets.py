"""`lab targets` and `lab targets check` for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.core.errors import LabError
from lab.formats.target import TargetSpec
from lab.jobs.check_target import Check
from lab.views.table import BAD, FAINT, GOOD, left, spaced, table


def targets_table(targets: Mapping[str, TargetSpec | LabError]) -> RenderableType:
    """Every target that can be read as a line, then every one that cannot be, with its reason."""
    good = [target for target in targets.values() if isinstance(target, TargetSpec)]
    columns = [left("Target", fold=False), left("Reached by", fold=False), left("Compiled by", fold=False)]
    columns += [left("For"), left("Description")]
    bad = [problem for problem in targets.values() if isinstance(problem, LabError)]
    listed = table(columns, [_row(target) for target in good]) if good else Text("no targets")
    return spaced([listed, *(_problem(problem) for problem in bad)])


def checks_table(checks: Sequence[Check]) -> RenderableType:
    """A block for each target: what was asked, the answer in a word, and what was found."""
    names = dict.fromkeys(check.target for check in checks)
    return spaced([_checked(name, [check for check in checks if check.target == name]) for name in names])


def _row(target: TargetSpec) -> list[str]:
    wanted = target.compile
    emulated = ", emulated" if target.is_emulated else ""
    features = " ".join(wanted.features)
    made_for = f"{wanted.mtriple}, {wanted.cpu} {features}".strip()
    return [target.name, target.device.transport + emulated, wanted.backend, made_for, target.description]


def _problem(problem: LabError) -> RenderableType:
    hint = [Text(f"hint: {problem.hint}", FAINT)] if problem.hint else []
    return Group(Text(f"cannot be read: {problem.what}", BAD), *hint)


def _checked(target: str, checks: Sequence[Check]) -> RenderableType:
    styles = {"passed": GOOD, "failed": BAD, "skipped": FAINT}
    words = [Text(check.status, styles[check.status]) for check in checks]
    rows: list[list[str | Text]] = [
        [check.name, word, _found(check)] for check, word in zip(checks, words, strict=True)
    ]
    columns = [left("Check", fold=False), left("Result", fold=False), left("Found")]
    return Group(Text(target, "bold"), table(columns, rows))


def _found(check: Check) -> str:
    return check.detail + (f" (hint: {check.hint})" if check.hint else "")
