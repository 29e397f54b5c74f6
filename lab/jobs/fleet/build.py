"""What is built for a fleet before anything is measured on it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from lab.core.errors import LabError
from lab.core.progress import Advance, Progress
from lab.formats.target import TargetSpec
from lab.jobs.build import Choice, Pipeline
from lab.jobs.fleet.member import Member


def built(members: Sequence[Member], choices: Sequence[Choice], progress: Progress) -> dict[str, TargetSpec]:
    """Build for every target; return those that can be measured. A member whose build failed has its reason."""
    made = {one.target: _built(one, choice, progress) for one, choice in zip(members, choices, strict=True)}
    return {name: target for name, target in made.items() if target is not None}


def _built(member: Member, choice: Choice, progress: Progress) -> TargetSpec | None:
    """Build before anything is measured: a compiler that runs beside a measurement would be in its numbers."""
    try:
        target, spec, source = choice.resolved(progress)
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
