"""All members of a fleet: what is built for them first, and each measured when it may run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from lab.core.errors import LabError
from lab.core.progress import Advance, Progress
from lab.formats.target import TargetSpec
from lab.jobs.build import Pipeline
from lab.jobs.fleet.member import STOPPED, Member
from lab.jobs.options import Choice


def built(members: Sequence[Member], choices: Sequence[Choice], progress: Progress) -> dict[str, TargetSpec]:
    """Build for every target that has not failed yet; return those that can be measured.

    A member whose build failed has its reason.
    """
    wanted = [(one, choice) for one, choice in zip(members, choices, strict=True) if one.code is None]
    made = {one.target: _built(one, choice, progress) for one, choice in wanted}
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
        progress.note(member.failure)
        return None
    return target


class _Named:
    """Progress whose phases say which target they are for."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name

    def phase(self, name: str, total: float | None = None, unit: str = "") -> AbstractContextManager[Advance]:
        """Open the phase under the target's name."""
        return self._progress.phase(f"{self._name}: {name}", total, unit)

    def now(self, text: str) -> None:
        """Say what is done for the target."""
        self._progress.now(text and f"{self._name}: {text}")

    def note(self, text: str) -> None:
        """Say it of the target."""
        self._progress.note(f"{self._name}: {text}")


POLL_S = 0.1
GRACE_S = 60.0  # a repetition that ends and is put on record
# Worst first: a bug of ours hides what else went wrong.
RANK = (70, STOPPED, 4, 1, 2, 3, 5)


def run_fleet(
    members: Sequence[Member],
    targets: dict[str, TargetSpec],
    argv: Callable[[str], Sequence[str]],
    on_change: Callable[[], None],
) -> bool:
    """Run every member that has not failed yet to its end; return whether Ctrl-C stopped them.

    Remote devices run side by side; targets that reach one device, such as its CPU and its GPU, one after the other.
    What this machine's own processor measures comes after them, one at a time, since sending a model to a phone would
    be in its numbers.
    """
    waiting = [member for member in members if member.code is None]
    alone = [member for member in waiting if targets[member.target].is_here]
    together = [member for member in waiting if member not in alone]
    try:
        for queues in [_by_device(together, targets), *([[member]] for member in alone)]:
            _run_queues(queues, lambda member: member.start(argv(member.target), on_change), on_change)
    except KeyboardInterrupt:
        _stop(members, on_change)
        return True
    return False


def exit_code(members: Sequence[Member]) -> int:
    """Return the worst of their codes; see RANK."""
    codes = {member.code for member in members if member.code}
    return next((code for code in RANK if code in codes), 70 if codes else 0)


def _by_device(members: Sequence[Member], targets: dict[str, TargetSpec]) -> list[list[Member]]:
    """Return those that are reached in the same way as a queue each. Other ways to one device its lock finds out."""
    queues: dict[tuple[object, ...], list[Member]] = {}
    for member in members:
        queues.setdefault(targets[member.target].place, []).append(member)
    return list(queues.values())


def _run_queues(queues: Sequence[list[Member]], start: Callable[[Member], None], on_change: Callable[[], None]) -> None:
    """Run the first of each queue at the same time, and whoever comes next when one has ended."""
    waiting = [list(queue) for queue in queues]
    running: list[tuple[Member, list[Member]]] = []
    while waiting or running:
        for queue in waiting:
            member = queue.pop(0)
            start(member)
            running.append((member, queue))
        time.sleep(POLL_S)
        ended = [one for one in running if one[0].poll()]
        running = [one for one in running if one not in ended]
        waiting = [queue for _, queue in ended if queue]
        if ended:
            on_change()


def _stop(members: Sequence[Member], on_change: Callable[[], None]) -> None:
    """Let each put on record what it has; then none is left."""
    deadline = time.monotonic() + GRACE_S
    for member in members:
        member.stop(signal.SIGINT)
    while any(_is_running(member) for member in members) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for member in members:
        member.stop(signal.SIGKILL)
        if member.code is None:
            member.poll()
            member.code = STOPPED if member.code is None else member.code
            member.phase = "stopped" if member.code == STOPPED else member.phase
    on_change()


def _is_running(member: Member) -> bool:
    return member.code is None and member.phase != "waiting" and not member.poll()
