"""Each family of models at 4 bits: what part of its roofs it reaches, and how fast it is beside llama.cpp.

    export LAB_LLAMA_BENCH=$(scripts/build-llama-bench)
    python -m benchmarks.families

measures a model of each family, by turns with llama.cpp where that knows the network and the program is there. Models
by name measure those; `--layers 2` keeps two layers of each, for a quick look. Weights are synthetic, of real shapes.
Every run is stored as `lab run` stores it; `lab show RUN` says where a rate comes from.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.text import Text

from benchmarks.arguments import add_json, positive
from benchmarks.bars import DECODE, PREFILL, Bar, Row, speed
from benchmarks.machine import this_machine
from benchmarks.sessions import OURS, Ask, Records, quiet
from lab.analysis.run.summary import CellSummary, summarise
from lab.core.errors import LabError, MeasureError
from lab.core.progress import Progress
from lab.formats.test import Test
from lab.measure.llama.peer import find_llama_bench
from lab.measure.llama.peers import PEERS
from lab.models.catalog import resolve
from lab.models.families import family_of
from lab.views.console import to_text
from lab.views.progress import progress_on
from lab.views.table import left, pairs, right, spaced, table
from lab.views.units import number, percent

# One of each family, of a size that two cores measure in minutes; of Llama's kind those that phones are asked for.
MODELS = (
    "phi3-mini-q4",
    "phi4-mini-q4",
    "chuxin-1.6b-q4",
    "llama3.2-1b-q4",
    "qwen2.5-1.5b-q4",
    "smollm2-1.7b-q4",
    "octopus-v2-q4",
    "phi2-q4",
    "phi3-small-q4",
)
LLAMA = "llama.cpp"
SHORT, EMPTY = Test(512, 32), Test(1, 64)
BARS = (
    Bar("prefill 512", 1.5, 1.8, test=SHORT.label, metric=PREFILL),
    Bar("decode @0", 1.0, 1.1, test=EMPTY.label, metric=DECODE),
)


@dataclass(frozen=True)
class Measured:
    """A model's session. `rows` are its bars beside llama.cpp; without any, `why` says what was missing."""

    model: str
    records: Records
    rows: tuple[Row, ...]
    why: str

    def cell(self, test: Test) -> CellSummary:
        """Return the summary of lab's own cell of the test."""
        return next(cell for cell in summarise(self.records[0]) if cell.label == test.label)


def measured(model: str, repeats: int, layers: int | None, progress: Progress) -> Measured:
    """Measure a model, beside llama.cpp where that can be."""
    why = lacking(model)
    peers = () if why else (LLAMA,)
    records = quiet(Ask(model, (SHORT, EMPTY), repeats, peers, layers=layers), progress)
    rows = () if why else tuple(speed(records, bar.test, bar.metric, bar) for bar in BARS)
    return Measured(model, records, rows, why)


def lacking(model: str) -> str:
    """Return why llama.cpp cannot be measured beside a model here, "" where it can; ModelError for an unknown model."""
    family = family_of(resolve(model).config)
    if family.gguf() is None:
        return f"{LLAMA} has no {family.title}"
    try:
        find_llama_bench(PEERS[LLAMA])
    except MeasureError as problem:
        return problem.what
    return ""


def render(sessions: Sequence[Measured], command: str, date: str) -> str:
    """Render the table, of at most 80 columns, and where it was measured."""
    columns = [left("Model", fold=False), right("Prefill"), right("roof"), right("times"), right("Decode")]
    columns += [right("roof"), right("times"), left("Bars", fold=False)]
    title = Text(f"Families at 4 bits: {OURS}, its part of the roof, times as fast as {LLAMA}")
    reasons = [f"{one.model}: {one.why}" for one in sessions if one.why]
    text = Text("\n".join(["In tok/s, medians; prefill of 512 tokens, decode into an empty cache.", *reasons]))
    rows = [list(_cells(one)) for one in sessions]
    return to_text(spaced([title, table(columns, rows), text, pairs(_facts(sessions, command, date))]), 80).rstrip()


def _cells(session: Measured) -> Iterator[str]:
    prefill, decode = session.cell(SHORT), session.cell(EMPTY)
    beside = [number(row.value) for row in session.rows] or ["–", "–"]
    yield session.model
    yield from (number(prefill.metrics[PREFILL].median), percent(prefill.prefill_roof_fraction), beside[0])
    yield from (number(decode.metrics[DECODE].median), percent(decode.roof_fraction), beside[1])
    yield ", ".join(dict.fromkeys(row.reached for row in session.rows)) or "no peer"


def _facts(sessions: Sequence[Measured], command: str, date: str) -> Iterator[tuple[str, str]]:
    records = [record for one in sessions for record in one.records]
    yield "Ran on", f"{this_machine().model or 'an unnamed processor'}, on {date}"
    engines = dict.fromkeys(f"{one.engine.name}: {one.engine.threads} threads" for one in records)
    yield "Engines", ", ".join(engines)
    yield "Runs", ", ".join(record.run_id for record in records)
    yield "Command", command


def document(sessions: Sequence[Measured], command: str, date: str) -> str:
    """Return the same as JSON."""
    models = [
        {
            "model": one.model,
            "runs": [record.run_id for record in one.records],
            "prefill_roof_fraction": one.cell(SHORT).prefill_roof_fraction,
            "decode_roof_fraction": one.cell(EMPTY).roof_fraction,
            "no_peer": one.why or None,
            "rows": [row.document() for row in one.rows],
        }
        for one in sessions
    ]
    return json.dumps({"command": command, "date": date, "models": models}, indent=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when done, 1 for an error that the message says how to mend."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    try:
        for model in options.models:
            resolve(model, options.layers)  # before the first of them takes minutes
        with progress_on(sys.stderr) as progress:
            sessions = [measured(model, options.repeats, options.layers, progress) for model in options.models]
    except LabError as problem:
        print(f"error: {problem.what}\nhint: {problem.hint or 'see docs/peers.md'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: repetitions that were finished are kept in profiles/", file=sys.stderr)
        return 130
    command, date = shlex.join(["python", "-m", "benchmarks.families", *given]), f"{datetime.now(UTC):%Y-%m-%d}"
    print((document if options.json else render)(sessions, command, date))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families", description=str(__doc__).split("\n")[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help="default: one of each family")
    parser.add_argument("--repeats", type=positive, default=3, help="repetitions of each cell (default 3)")
    parser.add_argument("--layers", type=positive, help="keep so many layers of each")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
