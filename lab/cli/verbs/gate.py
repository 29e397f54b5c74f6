"""`lab gate`, and where its reports go: the files that were asked for, and in GitHub Actions where they belong."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.gate_options import floor_option, metric_option
from lab.cli.options import json_option, reach_options
from lab.cli.output import print_document, print_exactly, print_text, stderr, tell
from lab.core.atomic import write_text
from lab.core.disk import write_failure
from lab.core.errors import UsageError

if TYPE_CHECKING:
    from lab.analysis.compare.gate import Gate
    from lab.jobs.gate import Judged


FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Reports:
    """The options about reports; `annotations` None means as the surroundings want it."""

    junit: Path | None
    markdown: str | None
    annotations: bool | None
    as_json: bool

    def __post_init__(self) -> None:
        """Refuse two documents on one stdout before anything is measured."""
        if self.as_json and self.markdown == "-":
            raise UsageError("--json and --markdown - both want stdout", hint="give --markdown a file")

    @property
    def takes_stdout(self) -> bool:
        """Whether stdout is the Markdown's, so that nothing else may be written there."""
        return self.markdown == "-"

    def write(self, gate: Gate) -> None:
        """Write every report; each file is whole or not there."""
        if self.junit is not None:
            from lab.views.gate.junit import gate_junit

            write_text(self.junit, gate_junit(gate))
        self._write_markdown(gate)
        if self.annotations or (self.annotations is None and in_actions()):
            from lab.views.gate.annotations import gate_annotations

            print_exactly(gate_annotations(gate), err=self.as_json or self.takes_stdout)

    def _write_markdown(self, gate: Gate) -> None:
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if self.markdown is None and not summary:
            return
        from lab.views.gate.markdown import gate_markdown

        text = gate_markdown(gate)
        if self.markdown == "-":
            print_exactly(text)
        elif self.markdown is not None:
            write_text(Path(self.markdown), text)
        elif summary:
            _append(Path(summary), text)


def in_actions() -> bool:
    """Whether this is a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _append(path: Path, text: str) -> None:
    """Add to the summary of the job, which other steps write to as well."""
    try:
        with path.open("a", encoding="utf-8") as out:
            out.write(text + "\n")
    except OSError as problem:
        raise write_failure(path, problem, len(text)) from problem


@click.command("gate")
@click.option("--baseline", metavar="RUNS", required=True, help="What to compare with: a revision, a run or a tag.")
@click.option("--candidate", metavar="RUNS", help="What is judged; default: the present revision, else the latest.")
@click.option("--target", "-t", metavar="NAME", help="Device; see 'lab targets'. Only runs on it.")
@click.option("--model", "-m", metavar="ID", help="Model; see 'lab models'.")
@click.option("--engine", metavar="NAME", help="Only what this engine measured; see 'lab run --help'.")
@click.option("--test", metavar="LABEL", help="Only this test, such as pp512+tg128, or a pattern such as '*@d2048'.")
@metric_option
@floor_option
@click.option("--strict", is_flag=True, help="Exit with 5 if anything is inconclusive.")
@click.option("--confirm", is_flag=True, help="Before an alarm counts, measure both sides again, interleaved.")
@click.option("--rounds", type=click.IntRange(1, 50), default=5, metavar="N", help="Rounds A B B A of it; default: 5.")
@reach_options
@click.option("--emulated", is_flag=True, help="Judge runs of emulated devices too.")
@click.option("--dirty", is_flag=True, help="Also accept runs measured with uncommitted changes.")
@click.option("--junit", type=FILE, metavar="FILE", help="Write JUnit XML, a test case for each verdict.")
@click.option("--markdown", metavar="FILE|-", help="Write Markdown; default in GitHub Actions: the job's summary.")
@click.option(
    "--annotations/--no-annotations",
    default=None,
    help="Emit GitHub Actions annotations; default: in GitHub Actions.",
)
@click.option("--all", "every", is_flag=True, help="List verdicts 'same' too.")
@json_option
def command(as_json: bool, every: bool, junit: Path | None, markdown: str | None, **options: Any) -> int:
    """Judge runs against a baseline and exit non-zero on regression.

    RUNS is a run id or its beginning, 'latest', 'latest~N', 'last:N', a tag, a git revision, a day such as 20261124, or
    a range A..B of runs or days. 'run:', 'tag:' and 'rev:' in front say which is meant. 'last:20' are the newest 20 of
    what --target, --model, --engine and --test leave; how many sessions a series got is printed. Runs that both sides
    name count for the candidate alone.

    \b
    Exit codes:
      0  no regression (inconclusive results are listed, with the commands that may decide them)
      3  something got slower, bigger, noisier, broke, fell back or is missing
      4  --confirm: the device does not answer
      5  nothing can be compared; with --strict also: something is inconclusive

    With --confirm what looks worse is measured again, old and new in turns, with the builds of both sides; each
    session is a run on record. docs/ci.md has whole jobs for GitHub and GitLab.

    \b
    Example:
      lab gate --baseline main
      lab gate --baseline v1.2 --candidate HEAD --target pixel8-cpu --junit gate.xml
      lab gate --baseline last:5 --candidate latest --floor 3% --strict
      lab gate --baseline 20261101..20261130 --engine tvm --test pp512+tg128
      lab gate --baseline main --confirm --json
    """
    reports = Reports(junit, markdown, options.pop("annotations"), as_json)
    gate = _gate(options)
    reports.write(gate)
    if as_json:
        from lab.cli.documents import gate_document

        print_document(gate_document(gate))
    elif not reports.takes_stdout:
        from lab.views.console import for_stdout, stdout_width
        from lab.views.gate.annotations import harmless
        from lab.views.gate.gate_table import gate_table

        text = for_stdout(gate_table(gate, stdout_width(), every=every))
        print_text(harmless(text) if os.environ.get("GITHUB_ACTIONS") == "true" else text)
    if gate.exit_code or as_json or reports.takes_stdout:
        tell(f"gate: {_printable(gate.outcome)}")
    return gate.exit_code


def _gate(options: dict[str, Any]) -> Gate:
    from lab.jobs.gate import Asked, judged
    from lab.views.progress import progress_on

    chosen = {field.name: options[field.name] for field in fields(Asked) if field.name in options}
    with progress_on(stderr()) as progress:
        found = judged(Asked(**chosen), progress)
    return _confirmed(found, options) if options["confirm"] else found.gate


def _confirmed(found: Judged, options: dict[str, Any]) -> Gate:
    from lab.cli.access import access_of
    from lab.jobs.confirm import confirm
    from lab.jobs.rebuild import Sessions
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        access = access_of(options["accept_new"], progress)
        with Sessions(options["address"], access, progress) as sessions:
            judgement, notes, unreachable = confirm(found, sessions, options["rounds"], progress)
    gate = found.gate
    return replace(gate, judgement=judgement, notes=(*gate.notes, *notes), unreachable=unreachable)


def _printable(text: str) -> str:
    from lab.core.text import printable

    return printable(text)
