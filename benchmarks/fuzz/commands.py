"""Commands over stores with one mutated file, and what came out of them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from benchmarks.fuzz.samples import ACCEPTED, BOARD, FLOORS, LLAMA, PROBE, RUNS, TABLES, TARGET, odd_archive
from benchmarks.fuzz.targets import Target, document, seal, sealed, text

OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh]|\r")  # what rich colours and moves lines with
FINE = (0, 1, 2, 3, 4, 5)
ID = "20261123-210000-ab12cd"
SECOND = "20261124-210000-ab12ce"
# Where the mutated file is, and the commands that read it.
OVER_RUNS = (
    *("runs", "runs --json", f"show {ID}", f"show {ID} --json", f"show {ID} --export llama-bench"),
    *(f"compare {ID} {SECOND}", f"compare {ID} {SECOND} --json", "compare --axis run", "dash --once", "dash --json"),
    *("dash compare --once", "dash --html page.html", "regressions", "regressions --json", "store check"),
    *("store check --json", "store export --parquet t.parquet", "calibrate local --from-history"),
    *("gate --baseline latest~1 --candidate latest", "gate --baseline latest~1 --candidate latest --json"),
    *(
        "store prune --older-than 1 --keep 0 --yes",
        "store compact --older-than 1",
        "store set-aside",
        "ack 1 --reason x",
    ),
    *(f"export {ID} --format {form}" for form in ("csv", "jsonl", "bencher", "llama-bench")),
)


class EscapedError(Exception):
    """A command wrote what a terminal may obey, or JSON that is none."""


class BugError(Exception):
    """A command ended in a traceback."""


OVER = {
    "probes/x.json": ("probe --target local --last", "probe --target local --last --json"),
    "targets/x.toml": ("targets", "targets --json", "targets check x"),
    "dashboards/x.toml": ("dash x --once", "dash --check", "dash x --json"),
    "accepted.toml": ("ack --list", "ack --list --json", "ack --remove 1", "regressions", "dash --once"),
    "floors/local.json": ("gate --baseline latest~1 --candidate latest", "dash compare --once"),
    "x.json": ("import x.json --target local", "import x.json --target local --json --dry-run"),
}


def targets() -> list[Target]:
    """Return the commands over each kind of file."""
    makers: dict[str, Callable[[random.Random], bytes]] = {
        "probes/x.json": sealed(PROBE),
        "targets/x.toml": text(TARGET),
        "dashboards/x.toml": text(BOARD),
        "accepted.toml": text(ACCEPTED, TABLES),
        "floors/local.json": sealed(FLOORS),
        "x.json": document(*LLAMA),
    }
    return [
        Target("lab over a run", sealed(*RUNS), _over(f"profiles/local/20261123T210000Z--x--{ID}.json", OVER_RUNS), 10),
        Target("lab over an archive", odd_archive, _over("profiles/local/archive-2026-11.parquet", OVER_RUNS), 3),
        *(Target(f"lab over {place}", make, _over(_below(place), OVER[place]), 3) for place, make in makers.items()),
    ]


def _below(place: str) -> str:
    return f"profiles/local/{place}" if place.startswith("probes/") else place


def _over(place: str, commands: tuple[str, ...]) -> Callable[[Path, bytes], object]:
    """A reader that puts the input in a store beside two sound runs, and gives one of the commands."""

    def read(folder: Path, data: bytes) -> object:
        home = folder / "home"
        runs = home / "profiles/local"
        runs.mkdir(parents=True)
        for name, day in ((SECOND, 24), ("20261125-210000-ab12cf", 25)):
            sound = {**RUNS[0], "run_id": name, "created_at": f"2026-11-{day}T21:00:00Z"}
            (runs / f"202611{day}T210000Z--x--{name}.json").write_text(json.dumps(seal(sound)))
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_bytes(data)
        rng = random.Random(data)
        return _given(home, rng.choice(commands), _Terminal if rng.random() < 0.3 else io.StringIO)

    return read


class _Terminal(io.StringIO):
    """What takes lab's own colours and moving lines too."""

    def isatty(self) -> bool:
        return True


def _given(home: Path, words: str, kind: type[io.StringIO]) -> object:
    from lab.cli.main import main

    os.environ |= {"LAB_HOME": str(home), "COLUMNS": "100", "TERM": "xterm"}
    os.chdir(home)
    out, err = kind(), kind()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words.split())
    if code not in FINE or "This is a bug of lab" in err.getvalue():
        raise BugError(f"lab {words}: {code}: {err.getvalue()[-2000:]}")
    said = OWN.sub("", out.getvalue() + err.getvalue()) if kind is _Terminal else out.getvalue() + err.getvalue()
    odd = [char for char in said if char != "\n" and not char.isprintable()]
    if odd:
        raise EscapedError(f"lab {words}: {odd[0]!r}")
    if out.getvalue() and words.endswith("--json"):
        json.loads(out.getvalue().encode("utf-8"), parse_constant=_refuse)
    return None


def _refuse(name: str) -> NoReturn:
    raise EscapedError(f"{name} in JSON")
