"""`lab run` on several targets: a process for each, one table for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.run.advice import resume_command
from lab.cli.output import print_document, print_text, stderr, tell
from lab.cli.problems import EXIT_INTERRUPTED
from lab.cli.verbs.run.show import Form
from lab.devices.link import Access
from lab.formats.run_record import RunRecord, from_json
from lab.jobs.fleet.argv import argv_of
from lab.jobs.fleet.ask import ask
from lab.jobs.fleet.member import Member
from lab.jobs.fleet.run import built, exit_code, run_fleet
from lab.jobs.options import RunOptions
from lab.views.console import for_stdout
from lab.views.progress import progress_on
from lab.views.progress.fleet import fleet_progress
from lab.views.runs.fleet_table import fleet_table
from lab.views.runs.run_markdown import runs_markdown


def run_several(asked: Sequence[RunOptions], form: Form) -> int:
    """Ask every device, build for those that are there, then measure on all of them; return the exit code."""
    members = [Member(one.target) for one in asked]
    with progress_on(stderr()) as progress:
        ask(members, asked, progress, Access(asked[0].accept_new, None, progress.note))  # one question at a time
        targets = built(members, [one.choice for one in asked], progress)
    argv = {one.target: ["run", *argv_of(one), "--json"] for one in asked}
    with fleet_progress(stderr(), members) as show:
        stopped = run_fleet(members, targets, argv.__getitem__, show)
    rows = [(one, [from_json(document) for document in one.documents]) for one in members]
    if form == "json":
        print_document([document for member in members for document in member.documents])
    elif form == "markdown":
        print_text(runs_markdown([record for _, records in rows for record in records]))
    else:
        print_text(for_stdout(fleet_table(rows)))
    if stopped:
        tell("\n".join(["interrupted: what was measured by then is on record", *_rests(rows)]))
    return EXIT_INTERRUPTED if stopped else exit_code(members)


def _rests(rows: Sequence[tuple[Member, Sequence[RunRecord]]]) -> Iterator[str]:
    """Yield, of each target, the command that measures what its run lacks."""
    for member, records in rows:
        command = resume_command(records[0]) if len(records) == 1 and records[0].status != "ok" else None
        if command:
            yield f"the rest of {member.target}: {command}"
