"""What a bisection looks for and has seen: files in a folder of its own, shared by the driver and its steps."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.core.atomic import write_json

GOOD, BAD, SKIP, ABORT = 0, 1, 125, 200  # git bisect run: from 128 on it gives up
STATE, STEPS, LOCK = "hunt.json", "steps.jsonl", "lock"


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """The question. `measure` is the command that measures one session, an argument an item, `build` a line of shell.

    `good_runs` are ids of runs of the good revision. `hunted` are the tests that got worse by the bad one: each holds
    `cell`, the fields of a CellKey, the `word`, and the `ratio` where there is one.
    """

    top: str
    target: str
    model: str
    metrics: tuple[str, ...]
    sessions: int
    build: str | None
    measure: tuple[str, ...]
    floor: float | None
    emulated: bool
    pythonpath: str | None
    good_runs: tuple[str, ...] = ()
    hunted: tuple[dict[str, Any], ...] = ()

    def save(self, folder: Path) -> None:
        """Write it for the steps."""
        write_json(folder / STATE, asdict(self))


def load_hunt(folder: Path) -> Hunt:
    """Return what the driver or an earlier step wrote."""
    document: dict[str, Any] = json.loads((folder / STATE).read_text("utf-8"))
    fields: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in document.items()}
    return Hunt(**fields)


def add_step(folder: Path, **step: Any) -> None:
    """Put what came of one revision on the list; `code` is what git is told."""
    with (folder / STEPS).open("a", encoding="utf-8") as out:
        out.write(json.dumps(step) + "\n")


def steps(folder: Path) -> list[dict[str, Any]]:
    """Return what came of each revision, in order."""
    path = folder / STEPS
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
