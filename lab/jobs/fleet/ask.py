"""Every device of a fleet is asked before anything is built: building takes minutes, and one may not be there."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from lab import store
from lab.core.errors import LabError
from lab.core.progress import Progress
from lab.devices.link import Access
from lab.formats.target import load_target
from lab.jobs.fleet.member import Member
from lab.jobs.options import RunOptions
from lab.jobs.run import opened


def ask(members: Sequence[Member], options: Sequence[RunOptions], progress: Progress, access: Access) -> None:
    """Ask all remote devices at the same time; a member whose device fails has its reason, and the record of it.

    Targets that are reached in the same way are asked one after the other: they are one device.
    """
    queues: dict[tuple[object, ...], list[tuple[Member, RunOptions]]] = {}
    for member, one in zip(members, options, strict=True):
        try:
            target = load_target(one.target)
        except LabError as problem:
            member.fail(problem.what, problem.exit_code)
            progress.note(member.failure)
            continue
        if not target.is_here:
            queues.setdefault(target.place, []).append((member, one))
    if queues:
        names = ", ".join(member.target for queue in queues.values() for member, _ in queue)
        with progress.phase(f"ask {names}"):
            _at_once(list(queues.values()), progress, access)


def _at_once(queues: Sequence[Sequence[tuple[Member, RunOptions]]], progress: Progress, access: Access) -> None:
    threads = [threading.Thread(target=_each, args=(queue, progress, access), daemon=True) for queue in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _each(queue: Sequence[tuple[Member, RunOptions]], progress: Progress, access: Access) -> None:
    for member, options in queue:
        try:
            with opened(options, progress, access) as job:
                job.plan()
        except LabError as problem:
            member.fail(problem.what, problem.exit_code)
            progress.note("; ".join(filter(None, (member.failure, problem.hint))))
            member.documents += [store.load_document(store.place(path)) for path in problem.recorded]
        except Exception as problem:  # its own process meets it again, and reports it as a bug
            progress.note(f"{member.target}: {type(problem).__name__}: {problem}")
