"""Made-up runs as files: of `lab demo`, and of the benchmarks that need a long history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.core.atomic import staging_dir
from lab.core.disk import write_failure
from lab.core.errors import LabError
from lab.core.home import shown
from lab.core.jsonio import digest
from lab.core.progress import Advance, Progress
from lab.formats.digested import DIGEST_KEY
from lab.jobs.demo.record import document
from lab.jobs.demo.world import World, demo_world

MARK = "MADE_UP.txt"
TEXT = "All runs in this folder are made up by `lab demo`: nothing was measured. It can be removed as a whole.\n"


def write_demo(folder: Path, progress: Progress) -> int:
    """Write the demo below `folder`, unless it is there already; return how many runs it has.

    Raises LabError for any other folder that exists: made-up runs do not get among others.
    """
    made = demo_world()
    if (folder / MARK).is_file():
        return len(made.runs())
    if folder.exists():
        hint = "name a folder that is not there yet: lab demo FOLDER"
        raise LabError(f"{shown(folder)}: exists, and was not made by `lab demo`", hint=hint)
    folder = folder.absolute()
    try:
        with staging_dir(folder.parent, folder.name) as staged:
            with progress.phase("making up runs", len(made.runs()), "runs") as advance:
                write_runs(staged, made, advance)
            (staged / MARK).write_text(TEXT, "utf-8")
            staged.rename(folder)
    except OSError as problem:
        raise write_failure(folder, problem) from problem
    return len(made.runs())


def write_runs(home: Path, made: World, advance: Advance = lambda runs: None) -> int:
    """Write every run of the history below home/profiles/; return how many."""
    for target in {line.target for line in made.lines}:
        (home / "profiles" / target).mkdir(parents=True, exist_ok=True)
    for number, (session, line) in enumerate(made.runs()):
        write_document(home, document(made, session, line, number))
        advance(1)
    return len(made.runs())


def write_document(home: Path, record: dict[str, Any]) -> Path:
    """Write one record as `lab.store.save` names it, without waiting for the disk: thousands would take minutes."""
    stamp = record["created_at"].replace("-", "").replace(":", "")
    name = f"{stamp}--{record['model']['label']}--{record['run_id']}.json"
    path = home / "profiles" / str(record["target"]["name"]) / name
    path.write_text(json.dumps({DIGEST_KEY: digest(record), **record}, ensure_ascii=False), "utf-8")
    return path
