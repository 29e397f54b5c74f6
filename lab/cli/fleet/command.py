"""What `lab run` does with more than one target."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from lab.cli.fleet.member import Member
from lab.cli.fleet.run import exit_code, run_fleet
from lab.cli.output import stderr
from lab.cli.pipeline import Choice, Pipeline
from lab.core.errors import LabError
from lab.core.progress import Advance, Progress
from lab.formats.target import TargetSpec
from lab.views.progress import progress_on


def run_several(choices: Sequence[Choice], words: Sequence[str]) -> tuple[list[Member], bool, int]:
    """Build for every target, then measure on all; return the members, whether Ctrl-C ended it, and the exit code.

    `words` is the command line without its --target, which goes to the process of each member.
    """
    from lab.views.progress.fleet import fleet_progress

    members, targets = [Member(choice.target) for choice in choices], {}
    with progress_on(stderr()) as progress:
        for member, choice in zip(members, choices, strict=True):
            targets[member.target] = _built(member, choice, progress)
    ready = {name: target for name, target in targets.items() if target is not None}
    with fleet_progress(stderr(), members) as show:
        stopped = run_fleet(members, ready, lambda name: _words(name, words), show)
    return members, stopped, 130 if stopped else exit_code(members)


def _built(member: Member, choice: Choice, progress: Progress) -> TargetSpec | None:
    """Build before anything is measured: a compiler that runs beside a measurement would be in its numbers."""
    try:
        target, spec, source = choice.resolved()
        steps = Pipeline(_Named(progress, choice.target))
        steps.bundle(spec, target, source)
        steps.runner(target)
    except LabError as problem:
        member.fail(problem.what, problem.exit_code)
        return None
    return target


class _Named:
    """Progress whose phases say which target they are for."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name

    def phase(self, name: str, total: float | None = None, unit: str = "") -> AbstractContextManager[Advance]:
        """Open the phase under the target's name."""
        return self._progress.phase(f"{self._name}: {name}", total, unit)

    def note(self, text: str) -> None:
        """Say it of the target."""
        self._progress.note(f"{self._name}: {text}")


def _words(target: str, words: Sequence[str]) -> list[str]:
    return ["run", "--target", target, *words, "--json"]
