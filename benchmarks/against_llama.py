"""Speed and memory beside llama.cpp at the same bits, held to the bars of the project: one table.

    export LAB_LLAMA_BENCH=$(scripts/build-llama-bench)
    python -m benchmarks.against_llama

Four parts, each of which can be asked for alone: `quiet`, one session of both engines in turns on phi3-mini-q4;
`loaded`, decoding while another process keeps one core busy; `compile`, from nothing; `medium`, phi3-medium-q4. Weights
are synthetic and of real shapes. Every run is stored as `lab run` stores it. Takes three quarters of an hour.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.arguments import add_json, positive
from benchmarks.bars import DECODE, PREFILL, Bar, Row, of_roof, seconds, speed
from benchmarks.bars_table import render
from benchmarks.sessions import Records, cold_compile_s, disturbed, quiet
from lab.analysis.side_by_side import PEAK
from lab.core.errors import LabError
from lab.core.progress import Progress
from lab.core.suggest import unknown
from lab.formats.run_record import RunRecord
from lab.measure.plan import Cell
from lab.views.progress import progress_on

MINI, MEDIUM = "phi3-mini-q4", "phi3-medium-q4"
SHORT, EMPTY, LONG = Cell(512, 32), Cell(1, 64), Cell(2048, 32)
COMPILES = 3

Part = Callable[["Benchmark"], Iterator[Row]]


class Benchmark:
    """The parts, and the records that they leave behind."""

    def __init__(self, repeats: int, progress: Progress) -> None:
        self.repeats, self.progress = repeats, progress
        self.records: list[RunRecord] = []
        self._quiet: Records = ()

    def quiet(self) -> Iterator[Row]:
        """Both engines on phi3-mini-q4, alone on the machine."""
        self._quiet = found = self._kept(quiet(MINI, (SHORT, EMPTY, LONG), self.repeats, self.progress))
        yield speed(found, SHORT.label, PREFILL, Bar("prefill 512", 1.8, 2.5))
        yield speed(found, LONG.label, PREFILL, Bar("prefill 2048", 1.8, 2.5))
        yield speed(found, EMPTY.label, DECODE, Bar("decode @0", 1.0, 1.1))
        yield speed(found, LONG.label, DECODE, Bar("decode @2048", 2.0, 3.0))
        yield from of_roof(found[0], EMPTY.label, Bar("decode of roof", 0.90, 0.97, "1"))
        yield speed(found, LONG.label, PEAK, Bar("memory @2048", 0.70, 0.62, lower_is_better=True))

    def loaded(self) -> Iterator[Row]:
        """Decode in trouble, with the threads of the quiet session."""
        before = self._quiet or self._kept(quiet(MINI, (EMPTY,), 1, self.progress))
        found = self._kept(disturbed(MINI, (EMPTY,), self.repeats, before, self.progress))
        yield speed(found, EMPTY.label, DECODE, Bar("decode, core taken", 1.5, 2.0))

    def compile(self) -> Iterator[Row]:
        """The compiler from nothing."""
        with self.progress.phase("compile from nothing"):
            times = cold_compile_s(MINI, COMPILES)
        yield seconds(times, Bar("cold compile", 30, 15, "s", lower_is_better=True))

    def medium(self) -> Iterator[Row]:
        """Both engines on the 14 billion weights of phi3-medium-q4."""
        found = self._kept(quiet(MEDIUM, (SHORT, EMPTY), min(self.repeats, 3), self.progress))
        yield speed(found, EMPTY.label, DECODE, Bar("medium decode @0", 1.0, 1.1))
        yield speed(found, SHORT.label, PREFILL, Bar("medium prefill 512", 1.8, 2.5))

    def _kept(self, records: Records) -> Records:
        self.records += records
        return records


PARTS: dict[str, Part] = {
    "quiet": Benchmark.quiet,
    "loaded": Benchmark.loaded,
    "compile": Benchmark.compile,
    "medium": Benchmark.medium,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when done, 1 for an error that the message says how to mend."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    try:
        with progress_on(sys.stderr) as progress:
            benchmark = Benchmark(options.repeats, progress)
            rows = [row for name in options.parts or PARTS for row in PARTS[name](benchmark)]
    except LabError as problem:
        print(f"error: {problem.what}\nhint: {problem.hint or 'see docs/peers.md'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: repetitions that were finished are kept in profiles/", file=sys.stderr)
        return 130
    command = shlex.join(["python", "-m", "benchmarks.against_llama", *given])
    print(_shown(rows, benchmark.records, command, as_json=options.json))
    return 0


def _shown(rows: Sequence[Row], records: Sequence[RunRecord], command: str, *, as_json: bool) -> str:
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    if not as_json:
        return render(rows, records, command, date).rstrip()
    runs = [record.run_id for record in records]
    document = {"command": command, "date": date, "rows": [row.document() for row in rows], "runs": runs}
    return json.dumps(document, indent=2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against_llama", description=str(__doc__).split("\n")[0])
    names = ", ".join(PARTS)
    parser.add_argument("parts", nargs="*", type=_part, metavar="PART", help=f"of {names}; default: all of them")
    parser.add_argument("--repeats", type=positive, default=5, help="repetitions of each cell (default 5)")
    add_json(parser)
    return parser


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(unknown("part", text, PARTS))
    return text


if __name__ == "__main__":
    sys.exit(main())
