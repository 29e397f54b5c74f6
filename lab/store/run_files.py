"""The files under profiles/ by their names alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import StoreError
from lab.core.home import shown


@dataclass(frozen=True, order=True)
class RunFile:
    """One file; its name gives time, model and id, which are empty when it has another form."""

    stamp: str
    run_id: str
    label: str
    path: Path


def run_files(root: Path, target: str | None = None) -> list[RunFile]:
    """Every run file below `root`, oldest first, of one target's folder when given."""
    try:
        folders = [folder for folder in _subfolders(root) if target in (None, folder.name)]
        paths = [path for folder in folders for path in folder.glob("*.json")]
    except OSError as problem:
        raise StoreError(f"{shown(root)}: cannot list: {problem.strerror}") from problem
    return sorted(_from_name(path) for path in paths if not path.name.startswith("."))


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _from_name(path: Path) -> RunFile:
    parts = path.stem.split("--")
    stamp, label, run_id = parts if len(parts) == 3 else ("", "", "")
    return RunFile(stamp, run_id, label, path)
