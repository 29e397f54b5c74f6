"""Speed and memory beside llama.cpp and ik_llama.cpp at about the same bits, held to the bars of the project: tables.

    export LAB_LLAMA_BENCH=$(scripts/build-llama-bench)
    export LAB_IK_LLAMA_BENCH=$(scripts/build-llama-bench --ik)
    export LAB_IK_LLAMA_BENCH_AVX2=$(scripts/build-llama-bench --ik --avx2)
    python -m benchmarks.against_llama

Each part can be asked for alone; without a name all of them run that this machine can judge, and the bars of the others
are marked "not on this machine", with the reason. The parts `avx2...` measure with AVX-512 masked on both sides at
compile time where the processor has it. Weights are synthetic and of real shapes. Every run is stored as `lab run`
stores it. All of them take an hour and a half.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.arguments import add_json, positive
from benchmarks.bars import ROOF, Row, absent, of_roof, seconds, speed, times_as_fast, with_masked
from benchmarks.bars_table import render
from benchmarks.first_token import first_tokens_s
from benchmarks.machine import Machine, this_machine
from benchmarks.parts import GROUPS, PARTS, Part, named
from benchmarks.sessions import (
    OURS,
    Records,
    check_isa,
    cold_compile_s,
    disturbed,
    first_command_s,
    programs_for,
    quiet,
)
from lab.core.errors import LabError, MeasureError
from lab.core.progress import Progress
from lab.core.suggest import unknown
from lab.formats.run_record import RunRecord
from lab.views.progress import progress_on

COMPILES = 3


class Benchmark:
    """What runs the parts, and the records that they leave behind."""

    def __init__(self, repeats: int, progress: Progress, machine: Machine) -> None:
        self.repeats, self.progress, self.machine = repeats, progress, machine
        self.records: list[RunRecord] = []
        self._before: Records = ()

    def rows(self, part: Part, *, asked: bool) -> list[Row]:
        """Return the rows of a part; where this machine lacks what it needs, the reason in the place of numbers.

        A program that is missing is a reason too, unless the part was `asked` for by name: then it is an error.
        """
        if lacks := part.lacks(self.machine):
            return absent(part.bars, lacks)
        try:
            programs_for(part.ask(self.repeats, self.machine))
        except MeasureError as problem:
            if asked:
                raise
            return absent(part.bars, problem.what)
        return list(OWN_WAYS.get(part.name, Benchmark.session)(self, part))

    def session(self, part: Part) -> Iterator[Row]:
        """All engines in turns, alone on the machine."""
        ask = part.ask(self.repeats, self.machine)
        records = self._kept(quiet(ask, self.progress))
        if part.name == "quiet":
            self._before = records
        if part.isa:
            check_isa(records, part.isa)
        yield from self._judged(part, records)

    def loaded(self, part: Part) -> Iterator[Row]:
        """Decode in trouble, with the threads of the quiet session."""
        ask = part.ask(self.repeats, self.machine)
        before = self._before or self._kept(quiet(part.ask(1, self.machine), self.progress))
        yield from self._judged(part, self._kept(disturbed(ask, before, self.progress)))

    def compile(self, part: Part) -> Iterator[Row]:
        """The compiler from nothing."""
        with self.progress.phase("compile from nothing"):
            times = cold_compile_s(part.model, COMPILES)
        yield seconds(times, part.bars[0])

    def first_token(self, part: Part) -> Iterator[Row]:
        """From the start of a process to its first token."""
        times = first_tokens_s(part.ask(self.repeats, self.machine), self.machine.isa, self.progress)
        for bar in part.bars:
            yield times_as_fast(times[OURS], times[bar.beside], bar)

    def first_command(self, part: Part) -> Iterator[Row]:
        """A newcomer's first command, with nothing there yet."""
        with self.progress.phase("first command"):
            yield seconds([first_command_s(part.model)], part.bars[0])

    def _judged(self, part: Part, records: Records) -> Iterator[Row]:
        masked = part.ask(self.repeats, self.machine).masked
        for bar in part.bars:
            found = (
                of_roof(records[0], bar.test, bar)
                if bar.metric == ROOF
                else [speed(records, bar.test, bar.metric, bar)]
            )
            yield from (with_masked(row, masked) for row in found)

    def _kept(self, records: Records) -> Records:
        self.records += records
        return records


# What is no session of engines in turns.
OWN_WAYS: dict[str, Callable[[Benchmark, Part], Iterator[Row]]] = {
    "loaded": Benchmark.loaded,
    "compile": Benchmark.compile,
    "first-token": Benchmark.first_token,
    "first-command": Benchmark.first_command,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when done, 1 for an error that the message says how to mend."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    try:
        with progress_on(sys.stderr) as progress:
            benchmark = Benchmark(options.repeats, progress, this_machine())
            asked = bool(options.parts)
            names = [name for group in options.parts for name in group] or PARTS
            rows = [row for name in names for row in benchmark.rows(PARTS[name], asked=asked)]
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
    names = ", ".join(f"{name} ({part.takes})" for name, part in PARTS.items())
    text = f"of {names}; avx2 is all that begin with it; default: all of them"
    parser.add_argument("parts", nargs="*", type=_parts, metavar="PART", help=text)
    parser.add_argument("--repeats", type=positive, default=5, help="repetitions of each cell (default 5)")
    add_json(parser)
    return parser


def _parts(text: str) -> tuple[str, ...]:
    try:
        return named(text)
    except KeyError:
        raise argparse.ArgumentTypeError(unknown("part", text, [*PARTS, *GROUPS])) from None


if __name__ == "__main__":
    sys.exit(main())
