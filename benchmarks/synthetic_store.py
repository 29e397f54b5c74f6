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
from typing import Any

from benchmarks.arguments import positive
from lab.core.jsonio import digest
from lab.formats.digested import DIGEST_KEY
from lab.jobs.demo.world import METRICS, SHAPES, World, commit, run_id, tags, world
from tests.formats.samples import REPETITION, RUN

GAPS = 8
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
    for target in {line.target for line in made.lines}:
        (home / "profiles" / target).mkdir(parents=True, exist_ok=True)
    for number, (session, line) in enumerate(made.runs()):
        write_document(home, document(made, session, line, number))
    _write_damaged(home, made)
    return len(made.runs())


def write_document(home: Path, record: dict[str, Any]) -> Path:
    """Write one record as `lab.store.save` names it, without waiting for the disk."""
    stamp = record["created_at"].replace("-", "").replace(":", "")
    name = f"{stamp}--{record['model']['label']}--{record['run_id']}.json"
    path = home / "profiles" / str(record["target"]["name"]) / name
    path.write_text(json.dumps({DIGEST_KEY: digest(record), **record}, ensure_ascii=False))
    return path


def document(made: World, session: int, line: int, number: int) -> dict[str, Any]:
    """Return the record of one run as plain data, without its digest."""
    of, at = made.lines[line], made.at(session, line)
    model = {**RUN["model"], "id": of.model, "label": of.model, "layers": 32, "quant": of.model.rpartition("-")[2]}
    return {
        **RUN,
        "run_id": run_id(at, number),
        "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "target": {"name": of.target, "spec": {"name": of.target}},
        "device": {"serial_hash": of.target, "emulated": of.target.startswith("emulated"), "facts": {"cores": 2}},
        "model": model,
        "engine": {**RUN["engine"], "name": of.engine, "effective": "made up"},
        "plan": {**RUN["plan"], "repeats": 3, "cells": [_shape(place) for place in range(len(SHAPES))]},
        "cells": [_cell(made, session, line, place) for place in range(len(SHAPES))],
        "tags": list(tags(session)),
        "revision": {"commit": commit(session), "dirty": False},
    }


def _shape(place: int) -> dict[str, int]:
    return dict(zip(("prompt", "generate", "depth"), SHAPES[place], strict=True))


def _cell(made: World, session: int, line: int, place: int) -> dict[str, Any]:
    if made.broken[line, session, place]:
        return {
            **_shape(place),
            "status": "wrong_output",
            "reason": "killed by SIGSEGV",
            "repetitions": [],
            "memory": None,
        }
    if made.failed[line, session, place]:
        lost = {"index": 0, "order": place * 3, "status": "failed", "reason": "killed by SIGSEGV"}
        return {**_shape(place), "status": "failed", "reason": None, "repetitions": [lost], "memory": None}
    values = dict(zip(METRICS, made.values[line, session, place].tolist(), strict=True))
    spread = float(made.spread[line, session, place])
    repetitions = [_repetition(values, place, index, 1 + (index - 1) * spread) for index in range(3)]
    return {**_shape(place), "status": "ok", "reason": None, "repetitions": repetitions, "memory": None}


def _repetition(values: dict[str, float], place: int, index: int, factor: float) -> dict[str, Any]:
    """One of three whose medians are the session's values: the outer two lie as far off on either side."""
    found = {name: value * factor for name, value in values.items()}
    gap_s = 1 / found["decode_tok_per_s"]
    return {
        **REPETITION,
        **found,
        "rss_peak_bytes": int(found["rss_peak_bytes"]),
        "index": index,
        "order": place * 3 + index,
        "itl_s": [gap_s] * (GAPS - 1) + [2 * gap_s],
        "token_ns": [1_500_000_000 + round(step * gap_s * 1e9) for step in range(GAPS + 1)],
        "bandwidth_bytes_per_s": [41e9, 42e9],
        "state_before": {"load1": 0.25, "temp_c": {"x86_pkg": 41.0 + place}},
    }


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
