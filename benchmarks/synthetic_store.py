"""A store of made-up runs with known signals in it: real record files, from a fixed seed, some of them damaged.

    python -m benchmarks.synthetic_store FOLDER --runs 10000
    LAB_HOME=FOLDER lab runs

Several targets, models and engines, 60 sessions each or more (see lab/jobs/demo/world.py for what is planted).
Files are not flushed to the disk one by one, as `lab run` does: 10 000 of them would take minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arguments import positive
from lab.core.jsonio import digest
from lab.formats.digested import DIGEST_KEY
from lab.jobs.demo.record import document
from lab.jobs.demo.world import World, world
from lab.jobs.demo.write import write_runs

DAMAGED = 7  # files that `write_store` adds and that cannot be believed


def main(argv: Sequence[str] | None = None) -> int:
    """Write the store, say what is in it, return 0."""
    options = _options(argv)
    made = world(options.runs, options.seed)
    written = write_store(options.folder, made)
    print(
        f"{written} runs of {len(made.lines)} lines, {made.sessions} sessions each; {DAMAGED} damaged files; planted:"
    )
    for one in made.planted:
        line = one.line
        print(f"  {line.target} {line.model} {line.engine}: {one.metric} x {one.ratio} from session {one.session}")
    return 0


def write_store(home: Path, made: World) -> int:
    """Write every run of the history below home/profiles/, and DAMAGED files that are none; return how many runs."""
    runs = write_runs(home, made)
    _write_damaged(home, made)
    return runs


def _write_damaged(home: Path, made: World) -> None:
    """Files as they are found in the field: cut short, edited, of somebody else, of tomorrow, empty, no text at all."""
    record = document(made, 0, 0, 0xABCDEF)
    whole = json.dumps({DIGEST_KEY: digest(record), **record})
    contents: list[bytes] = [
        whole[: len(whole) // 2].encode(),
        whole.replace('"ok"', '"OK"', 1).encode(),
        b'{"name": "package", "version": "1.0.0"}',
        json.dumps({DIGEST_KEY: "", **record, "schema": 99}).encode(),
        b"",
        bytes(range(256)),
        b"[" * 5000,
    ]
    folder = home / "profiles" / made.lines[0].target
    for number, content in enumerate(contents):
        (folder / f"20260101T00000{number}Z--phi3-mini-q4--20260101-00000{number}-bad00{number}.json").write_bytes(
            content
        )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic_store", description=about)
    parser.add_argument("folder", type=Path, help="the store's LAB_HOME; profiles/ is made in it")
    parser.add_argument("--runs", type=positive, default=10_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
