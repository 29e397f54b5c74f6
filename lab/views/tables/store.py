"""`lab store` for people: findings, what was moved, compacted, copied, or would be removed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.analysis.retention import Doomed
from lab.core.home import shown
from lab.core.text import printable, said
from lab.core.units import counted, human_bytes
from lab.store.check import Finding
from lab.store.compact import Compacted, Left
from lab.store.copy import Copied
from lab.store.protocol import Entry
from lab.store.set_aside import Moved
from lab.views.table import BAD, CAUTION, FAINT, left, right, spaced, table

LISTED = 20  # runs by name; more are counted


def check_page(findings: Sequence[Finding], runs: int) -> RenderableType:
    """Every finding with its reason and next step, and how many runs were read."""
    if not findings:
        return Text(f"{counted(runs, 'run')} read, all valid")
    closing = f"{counted(runs, 'run')} read, {counted(len(findings), 'finding')}"
    return spaced([*(_finding(one) for one in findings), Text(closing)])


def moved_page(moved: Sequence[Moved]) -> RenderableType:
    """Where each went, or why it stays."""
    if not moved:
        return Text("nothing to set aside: every run is valid")
    gone = sum(1 for one in moved if one.to is not None)
    lines = [_moved(one) for one in moved]
    return spaced([*lines, Text(f"{gone} of {len(moved)} moved; nothing was deleted")])


def compacted_page(done: Sequence[Compacted], remaining: Sequence[Left]) -> RenderableType:
    """What each archive took in, and what was left beside it."""
    lines = [Text(f"left: {said(shown(one.path))}: {said(one.reason)}", CAUTION) for one in remaining]
    if not done:
        return spaced([*lines, Text("nothing to compact: no run is that old")])
    columns = [left("Archive"), right("Runs"), right("Files were"), right("Archive grew")]
    rows = [
        [said(shown(one.archive)), str(one.runs), human_bytes(one.files_bytes), human_bytes(max(0, one.archive_bytes))]
        for one in done
    ]
    runs = counted(sum(one.runs for one in done), "run")
    closing = f"{runs} in archives now: every document as it was, still listed, shown and judged"
    return spaced([table(columns, rows), *lines, Text(closing)])


def removed_page(doomed: Sequence[Entry], removed: bool) -> RenderableType:
    """Which runs would be removed for good, or were."""
    rows = [[said(part) for part in (one.run_id, one.target, one.label)] for one in doomed]
    verb = "removed for good" if removed else "would be removed for good; add --yes to remove them"
    return spaced(
        [table([left("Run"), left("Target"), left("Model")], rows), Text(f"{counted(len(doomed), 'run')} {verb}")]
    )


def prune_page(doomed: Sequence[Doomed], removed: bool) -> RenderableType:
    """What would be removed for good, or was."""
    if not doomed:
        return Text("nothing to prune: every run is new, tagged, referred to, or among the newest of its kind")
    rows = [[said(part) for part in (one.run_id, one.target, one.model, one.engine)] for one in doomed[:LISTED]]
    more = [Text(f"and {len(doomed) - LISTED} more")] if len(doomed) > LISTED else []
    verb = "removed for good" if removed else "would be removed for good; add --yes to remove them"
    listed = table([left("Run", fold=False), left("Target"), left("Model"), left("Engine")], rows)
    return spaced([listed, *more, Text(f"{counted(len(doomed), 'run')} {verb}")])


def _finding(one: Finding) -> Text:
    head = Text.assemble((one.kind, BAD), "  ", said(shown(one.place)))
    return Text("\n").join([head, Text(f"  {said(one.reason)}"), Text(f"  next: {one.hint}", FAINT)])


def _moved(one: Moved) -> Text:
    head = Text.assemble((one.finding.kind, BAD), "  ", said(shown(one.finding.place)))
    where = f"  stays: {one.why}" if one.to is None else f"  is now {said(shown(one.to))}"
    return Text("\n").join([head, Text(f"  {said(one.finding.reason)}"), Text(where)])


def copied_text(to: str, found: Copied) -> RenderableType:
    """Return the sums, then each run that was not copied, with its reason."""
    parts = [f"{found.copied} copied", f"{found.already} there already"]
    parts += [f"{found.updated} finished since"] if found.updated else []
    parts += [f"{len(found.conflicts)} in conflict"] if found.conflicts else []
    parts += [f"{len(found.damaged)} damaged"] if found.damaged else []
    bad = [("damaged", *one) for one in found.damaged] + [("conflict", *one) for one in found.conflicts]
    lines = [Text(printable(f"{word}: {place}: {reason}"), BAD) for word, place, reason in bad]
    return spaced([Text(printable(f"{to}: {', '.join(parts)}")), *lines])
