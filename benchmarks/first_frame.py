"""How long until `lab dash overview` shows its rows: from starting the process to the first painted row.

    python -m benchmarks.first_frame --runs 10000 --rounds 7

In a pseudo-terminal of 120 by 40, over a made-up store whose cache of columns is warm: one round before the first
makes it so, and its time is given as "cold" (the files themselves may be in the system's own cache). A row counts
as painted when the name of a target has arrived at the terminal. Verdicts follow the rows; their time is told too.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.arguments import add_json, positive
from benchmarks.synthetic_store import write_store
from lab.jobs.demo.world import world

BAR_S = 1.0
LIMIT_S = 300.0
VERDICTS = b"open regression"  # with the verdicts the screen says how many are open
WIDTH, HEIGHT = 120, 40


@dataclass(frozen=True)
class Round:
    """Seconds from starting the process to the first painted row, and to the verdicts."""

    rows_s: float
    verdicts_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, return 0 when the median stays below the bar, else 1."""
    options = _options(argv)
    with tempfile.TemporaryDirectory(prefix="lab-first-frame-") as folder:
        made = world(options.runs, 0)
        write_store(Path(folder), made)
        marks = [line.target.encode() for line in made.lines]
        cold, *rounds = [_round(Path(folder), marks) for _ in range(options.rounds + 1)]
    median_s = statistics.median(one.rows_s for one in rounds)
    if options.json:
        print(json.dumps({"runs": options.runs, "cold": asdict(cold), "rounds": [asdict(one) for one in rounds]}))
    else:
        print(f"{options.runs} runs, lab dash overview, {WIDTH}x{HEIGHT}\n\n{'Round':<7}{'rows':>9}{'verdicts':>11}")
        for name, one in [("cold", cold), *((str(number), one) for number, one in enumerate(rounds, 1))]:
            print(f"{name:<7}{one.rows_s:>7.2f} s{one.verdicts_s:>9.2f} s")
        print(f"\nmedian {median_s:.2f} s; bar {BAR_S:.0f} s")
    return 0 if median_s < BAR_S else 1


def _round(home: Path, marks: Sequence[bytes]) -> Round:
    began = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        _become_lab(home)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    try:
        return _watch(terminal, began, marks)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def _become_lab(home: Path) -> None:
    os.environ.update(LAB_HOME=str(home), TERM="xterm-256color", COLUMNS=str(WIDTH), LINES=str(HEIGHT))
    os.environ.pop("LAB_STORE", None)
    os.execv(sys.executable, [sys.executable, "-m", "lab", "dash", "overview"])


def _watch(terminal: int, began: float, marks: Sequence[bytes]) -> Round:
    """Read what the terminal is sent until rows and verdicts have come."""
    sent, rows_s = b"", 0.0
    while time.monotonic() - began < LIMIT_S:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            sent += os.read(terminal, 1 << 16)
        except OSError:  # the other end is closed
            break
        now_s = time.monotonic() - began
        if not rows_s and any(mark in sent for mark in marks):
            rows_s = now_s
        if rows_s and VERDICTS in sent:
            return Round(rows_s, now_s)
    raise SystemExit(f"lab dash left or said nothing within {LIMIT_S:.0f} s; it last said {sent[-500:]!r}")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_frame", description=about)
    parser.add_argument("--runs", type=positive, default=10_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=positive, default=7, help="default: %(default)s")
    add_json(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
