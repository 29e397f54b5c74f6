"""Where the reports of a gate go: the files that were asked for, and in GitHub Actions where they belong."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lab.analysis.compare.gate import Gate
from lab.cli.output import print_exactly
from lab.core.atomic import write_text
from lab.core.disk import write_failure
from lab.core.errors import UsageError


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
